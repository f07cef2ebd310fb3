SELECT
    make_timestamp_ns(min(first)) AS first, make_timestamp_ns(max(last)) AS last,
    round((max(last) - min(first)) / 1e9, 9) AS "durationS",
    coalesce(sum(client_packets + server_packets), 0)::UBIGINT AS packets,
    coalesce(sum(client_bytes + server_bytes), 0)::UBIGINT AS bytes,
    count(*) AS connections, count(DISTINCT client) AS users, coalesce(sum(turns), 0)::UBIGINT AS turns
FROM flows
