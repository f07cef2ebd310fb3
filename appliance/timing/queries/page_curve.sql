-- The percentiles 0 to 100 of a delay, in seconds.
SELECT quantile_cont({delay}, [part / 100.0 FOR part IN range(101)]) AS quantiles
FROM turns_ns WHERE {delay} IS NOT NULL
