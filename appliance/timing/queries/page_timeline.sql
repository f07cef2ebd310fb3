-- For the users with the most turns: which thousandths of the capture's time a turn of theirs touches.
WITH span AS (SELECT min(first) AS first, greatest(max(last) - min(first), 1) AS length FROM flows),
shown AS (SELECT client, count(*) AS turns FROM turns_ns GROUP BY client ORDER BY turns DESC, client LIMIT 30),
placed AS (
    SELECT DISTINCT
        client,
        least((coalesce(request_first, response_first) - span.first) * 1000 // span.length, 999)::INTEGER AS begins,
        least((coalesce(response_last, request_last) - span.first) * 1000 // span.length, 999)::INTEGER AS ends
    FROM turns_ns SEMI JOIN shown USING (client), span
)
SELECT client AS "user", turns, list([begins, ends] ORDER BY begins, ends) AS marks
FROM (SELECT client, begins, max(ends) AS ends FROM placed GROUP BY client, begins) JOIN shown USING (client)
GROUP BY client, turns ORDER BY turns DESC, client
