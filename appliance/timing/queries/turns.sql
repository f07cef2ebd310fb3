-- Each turn with its delays (ns):
--   think          the server's last byte to the client's next first, in the same connection
--   user_think     the same over all connections of the user; null while another turn of his still ran
--   first_byte     the request's last byte to the response's first
--   duration       the response's first byte to its last
CREATE TABLE turns_ns AS
WITH placed AS (
    SELECT
        flows.number AS connection, transport, client, client_port, server, server_port,
        raw_turns.* EXCLUDE (part, connection),
        coalesce(request_first, response_first) AS began
    FROM raw_turns JOIN flows USING (part, connection)
),
before AS (
    SELECT
        *,
        lag(response_last) OVER (PARTITION BY connection ORDER BY turn) AS answered,
        max(coalesce(response_last, request_last)) OVER (
            PARTITION BY client ORDER BY began, connection, turn ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS user_answered
    FROM placed
)
SELECT
    * EXCLUDE (answered, user_answered, request),
    request_first - answered AS think,
    CASE WHEN request_first >= user_answered THEN request_first - user_answered END AS user_think,
    response_first - request_last AS first_byte,
    response_last - response_first AS duration,
    nullif(split_part(request, ' ', 1), '') AS method,
    nullif(split_part(request, ' ', 2), '') AS target
FROM before;

CREATE VIEW turns AS
SELECT
    connection, turn, transport, client AS "user", client_port AS "userPort", server, server_port AS "serverPort",
    method, target AS path, nullif(status, 0) AS status,
    make_timestamp_ns(request_first) AS "requestFirst", make_timestamp_ns(request_last) AS "requestLast",
    make_timestamp_ns(response_first) AS "responseFirst", make_timestamp_ns(response_last) AS "responseLast",
    ms(think) AS "thinkMs", ms(user_think) AS "userThinkMs", ms(first_byte) AS "timeToFirstByteMs",
    ms(duration) AS "responseMs",
    request_bytes AS "requestBytes", response_bytes AS "responseBytes",
    request_packets AS "requestPackets", response_packets AS "responsePackets"
FROM turns_ns
ORDER BY began, connection, turn;
