-- What the engine found, as it found it. Times and delays are nanoseconds; a missing one is null.
CREATE TABLE raw_connections (
    part INTEGER, connection UBIGINT, first BIGINT, last BIGINT,
    client_packets UBIGINT, server_packets UBIGINT, client_bytes UBIGINT, server_bytes UBIGINT,
    client_nothing_new UBIGINT, server_nothing_new UBIGINT, first_number UBIGINT, first_file UINTEGER,
    turns UINTEGER, client_port USMALLINT, server_port USMALLINT, protocol UTINYINT, flags UTINYINT,
    evicted UTINYINT, addresses VARCHAR
);
CREATE TABLE raw_turns (
    part INTEGER, connection UBIGINT, request_first BIGINT, request_last BIGINT, response_first BIGINT,
    response_last BIGINT, request_bytes UBIGINT, response_bytes UBIGINT, request_packets UINTEGER,
    response_packets UINTEGER, turn UINTEGER, status USMALLINT, request VARCHAR
);
CREATE TABLE raw_packets (
    part INTEGER, time BIGINT, delay BIGINT, connection_delay BIGINT, number UBIGINT, connection UBIGINT,
    file UINTEGER, interface UINTEGER, length UINTEGER, payload UINTEGER, flags UTINYINT,
    from_client UTINYINT, nothing_new UTINYINT
);
CREATE TABLE files (file UINTEGER, name VARCHAR);
CREATE TABLE interfaces (number UINTEGER, name VARCHAR);
-- Which name an address has in what comes out; an address that is not here keeps its own.
CREATE TABLE names (address VARCHAR PRIMARY KEY, name VARCHAR);
