-- By method and path, without the query; HTTP alone.
CREATE VIEW paths AS
SELECT
    method, path_of(target) AS path, count(*) AS requests, count(DISTINCT client) AS users,
    count(*) FILTER (status BETWEEN 400 AND 499) AS "clientErrors", count(*) FILTER (status >= 500) AS "serverErrors",
    delays(first_byte) AS "timeToFirstByteMs", delays(response_last - request_first) AS "totalMs"
FROM turns_ns WHERE method IS NOT NULL
GROUP BY ALL
ORDER BY requests DESC, method, path;
