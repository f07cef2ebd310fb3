CREATE VIEW packets AS
SELECT
    files.name AS file, p.number, make_timestamp_ns(p.time) AS time,
    round((p.time - (SELECT min(first) FROM flows)) / 1e9, 9) AS "relativeS",
    interfaces.name AS interface, transport AS protocol,
    CASE WHEN from_client = 1 THEN client ELSE server END AS source,
    CASE WHEN from_client = 1 THEN client_port ELSE server_port END AS "sourcePort",
    CASE WHEN from_client = 1 THEN server ELSE client END AS destination,
    CASE WHEN from_client = 1 THEN server_port ELSE client_port END AS "destinationPort",
    flows.number AS connection, from_client = 1 AS "fromClient", length, payload AS "payloadLength",
    CASE WHEN transport = 'tcp' THEN tcp_flags(p.flags) END AS flags, nothing_new = 1 AS repeated,
    ms(delay) AS "delayMs", ms(connection_delay) AS "connectionDelayMs"
FROM raw_packets p JOIN flows USING (part, connection) JOIN files USING (file)
LEFT JOIN interfaces ON interfaces.number = p.interface
ORDER BY p.file, p.number;
