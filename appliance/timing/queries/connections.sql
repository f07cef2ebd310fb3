CREATE VIEW connections AS
WITH timed AS (
    SELECT connection, delays(think) AS think, delays(first_byte) AS first_byte, delays(duration) AS duration
    FROM turns_ns GROUP BY connection
)
SELECT
    number AS connection, transport, client AS "user", client_port AS "userPort", server,
    server_port AS "serverPort", make_timestamp_ns(first) AS first, make_timestamp_ns(last) AS last,
    ms(last - first) AS "durationMs", client_packets AS "requestPackets", server_packets AS "responsePackets",
    client_bytes AS "requestBytes", server_bytes AS "responseBytes",
    client_nothing_new + server_nothing_new AS "repeatedPackets", turns, tcp_flags(flags) AS flags,
    evicted = 1 AS evicted,
    think AS "thinkMs", first_byte AS "timeToFirstByteMs", duration AS "responseMs"
FROM flows LEFT JOIN timed ON timed.connection = flows.number
ORDER BY number;
