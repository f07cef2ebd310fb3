-- Bytes on the wire of each side, in 120 equal parts of the capture's time.
WITH span AS (SELECT min(first) AS first, greatest(max(last) - min(first), 1) AS length FROM flows)
SELECT
    least((time - span.first) * 120 // span.length, 119)::INTEGER AS bin,
    sum(raw_packets.length) FILTER (from_client = 1)::DOUBLE AS request,
    sum(raw_packets.length) FILTER (from_client = 0)::DOUBLE AS response
FROM raw_packets, span
GROUP BY bin ORDER BY bin
