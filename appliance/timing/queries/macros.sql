-- Nanoseconds as milliseconds, to the nanosecond.
CREATE MACRO ms(ns) AS round(ns / 1e6, 6);

-- Of a delay in nanoseconds, in milliseconds; nulls do not count. Percentiles interpolate between the
-- two nearest values; `stddev` is the sample's, null below two values.
CREATE MACRO delays(ns) AS struct_pack(
    count := count(ns),
    min := ms(min(ns)),
    median := ms(quantile_cont(ns, 0.5)),
    mean := ms(avg(ns)),
    p90 := ms(quantile_cont(ns, 0.9)),
    p99 := ms(quantile_cont(ns, 0.99)),
    max := ms(max(ns)),
    stddev := ms(stddev_samp(ns))
);

-- What a coefficient of variation of think times says. 1 is what events without memory (a Poisson
-- process) have.
CREATE MACRO regularity(cv) AS CASE
    WHEN cv IS NULL THEN NULL
    WHEN cv < 0.1 THEN 'clockwork'
    WHEN cv < 0.5 THEN 'regular'
    WHEN cv < 1.5 THEN 'irregular'
    ELSE 'bursty'
END;

CREATE MACRO tcp_flags(bits) AS concat_ws(
    ' ',
    CASE WHEN bits & 2 > 0 THEN 'SYN' END, CASE WHEN bits & 1 > 0 THEN 'FIN' END,
    CASE WHEN bits & 4 > 0 THEN 'RST' END, CASE WHEN bits & 8 > 0 THEN 'PSH' END,
    CASE WHEN bits & 16 > 0 THEN 'ACK' END, CASE WHEN bits & 32 > 0 THEN 'URG' END,
    CASE WHEN bits & 64 > 0 THEN 'ECE' END, CASE WHEN bits & 128 > 0 THEN 'CWR' END
);

CREATE MACRO path_of(target) AS split_part(target, '?', 1);

-- ISO 8601 in UTC, to the nanosecond.
CREATE MACRO iso(moment) AS
    strftime(moment::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.') || lpad((epoch_ns(moment) % 1000000000)::VARCHAR, 9, '0') || 'Z';
