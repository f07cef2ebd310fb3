-- Which flow each part's connection is of: both ends, the lower text first, whoever was taken for the client.
CREATE TEMP TABLE part_flows AS
SELECT
    part, connection,
    protocol::VARCHAR || ' ' || least(client, server) || ' ' || greatest(client, server) AS flow
FROM (
    SELECT
        part, connection, protocol,
        split_part(addresses, ' ', 1) || ' ' || client_port::VARCHAR AS client,
        split_part(addresses, ' ', 2) || ' ' || server_port::VARCHAR AS server
    FROM raw_connections
);
