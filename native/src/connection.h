// One entry of the flow table: a TCP connection and what HTTP makes of it.
#pragma once

#include "flow_table.h"
#include "http_connection.h"
#include "lru.h"
#include "tcp_connection.h"

namespace sniffer {

struct Connection {
    Connection(const FlowKey& flow, uint64_t flow_hash, const ConnectionId& id, TcpContext& tcp_context,
               HttpContext& http_context, int client)
        : key(flow), hash(flow_hash), http(http_context, {flow.low, flow.high}, id, client), tcp(tcp_context, http) {}

    // Bytes of what was said and is neither told yet nor forgotten.
    uint64_t kept() const { return http.kept() + tcp.stream(0).kept() + tcp.stream(1).kept(); }

    FlowKey key;
    uint64_t hash;
    Nanos timestamp = 0;        // its first packet's
    Nanos first = 0, last = 0;  // when its first and last packet came, by the tracker's clock
    bool closed = false;        // it stays a while, so that late copies of its packets open no new one
    Links<Connection> use, timer;
    HttpConnection http;
    TcpConnection tcp;
};

using UseList = LruList<Connection, &Connection::use>;
using TimerList = LruList<Connection, &Connection::timer>;

}  // namespace sniffer
