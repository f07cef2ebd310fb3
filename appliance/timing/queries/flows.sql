-- The connections under numbers that depend on the packets alone, not on who read which file first.
CREATE TABLE flows AS
WITH named AS (
    SELECT
        c.*,
        coalesce(client_name.name, split_part(addresses, ' ', 1)) AS client,
        coalesce(server_name.name, split_part(addresses, ' ', 2)) AS server
    FROM raw_connections c
    LEFT JOIN names client_name ON client_name.address = split_part(addresses, ' ', 1)
    LEFT JOIN names server_name ON server_name.address = split_part(addresses, ' ', 2)
)
SELECT
    row_number() OVER (ORDER BY first, protocol, addresses, client_port, server_port, last) - 1 AS number,
    CASE protocol WHEN 6 THEN 'tcp' ELSE 'udp' END AS transport,
    * EXCLUDE (addresses)
FROM named;
