-- How many delays lie in each tenth of a decade of seconds. Below 1 microsecond counts as that.
SELECT floor(log10(greatest({delay}, 1000) / 1e9) * 10)::INTEGER AS bin, count(*) AS count
FROM turns_ns WHERE {delay} IS NOT NULL
GROUP BY bin ORDER BY bin
