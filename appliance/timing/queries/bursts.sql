-- A burst: at least `burst_least` requests of one user, each at most `burst_pause` ns after the one before.
CREATE VIEW bursts AS
WITH gaps AS (
    SELECT
        client, connection, turn, request_first,
        coalesce(
            request_first - lag(request_first) OVER (PARTITION BY client ORDER BY request_first, connection, turn)
            > getvariable('burst_pause'), true
        ) AS begins
    FROM turns_ns WHERE request_first IS NOT NULL
),
numbered AS (
    SELECT
        client, request_first,
        sum(begins::INTEGER) OVER (
            PARTITION BY client ORDER BY request_first, connection, turn ROWS UNBOUNDED PRECEDING
        ) AS burst
    FROM gaps
)
SELECT client, burst, count(*) AS requests, min(request_first) AS first, max(request_first) AS last
FROM numbered GROUP BY client, burst HAVING count(*) >= getvariable('burst_least');
