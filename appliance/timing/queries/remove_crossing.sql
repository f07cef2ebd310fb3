CREATE TEMP TABLE crossing AS
SELECT part, connection FROM part_flows
WHERE flow IN (SELECT flow FROM part_flows GROUP BY flow HAVING count(DISTINCT part) > 1);
DELETE FROM raw_turns USING crossing
WHERE raw_turns.part = crossing.part AND raw_turns.connection = crossing.connection;
DELETE FROM raw_connections USING crossing
WHERE raw_connections.part = crossing.part AND raw_connections.connection = crossing.connection;
