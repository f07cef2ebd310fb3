CREATE VIEW users AS
WITH connected AS (
    SELECT
        client, count(*) AS connections, min(first) AS first, max(last) AS last,
        sum(client_bytes)::UBIGINT AS request_bytes, sum(server_bytes)::UBIGINT AS response_bytes
    FROM flows GROUP BY client
),
timed AS (
    SELECT
        client, count(*) AS turns, delays(user_think) AS think, delays(first_byte) AS first_byte,
        delays(duration) AS duration, round(stddev_samp(user_think) / nullif(avg(user_think), 0), 6) AS variation
    FROM turns_ns GROUP BY client
),
bursting AS (
    SELECT client, count(*) AS bursts, max(requests) AS longest
    FROM bursts GROUP BY client
)
SELECT
    client AS "user", connections, coalesce(turns, 0) AS turns,
    make_timestamp_ns(first) AS first, make_timestamp_ns(last) AS last,
    request_bytes AS "requestBytes", response_bytes AS "responseBytes",
    variation, regularity(variation) AS regularity,
    coalesce(bursts, 0) AS bursts, coalesce(longest, 0) AS "longestBurst",
    think AS "thinkMs", first_byte AS "timeToFirstByteMs", duration AS "responseMs"
FROM connected LEFT JOIN timed USING (client) LEFT JOIN bursting USING (client)
ORDER BY turns DESC, "user";
