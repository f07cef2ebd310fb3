// One entry of the flow table: a TCP connection and what HTTP makes of it.
#pragma once

#include "flow_table.h"
#include "http_connection.h"
#include "lru.h"
#include "tcp_connection.h"

namespace sniffer {

enum class Stage : uint8_t {
    begun,        // one side alone may have made it up
    established,  // both sides sent packets, and one of them bytes
    closed,       // it stays a while, so that late copies of its packets open no new one
};

struct Connection {
    Connection(const FlowKey& flow, uint64_t flow_hash, const ConnectionId& id, TcpContext& tcp_context,
               HttpContext& http_context, int client)
        : key(flow), hash(flow_hash), http(http_context, {flow.low, flow.high}, id, client), tcp(tcp_context, http) {}

    // Bytes of what was said and is neither told yet nor forgotten.
    uint64_t kept() const { return http.kept() + tcp.stream(0).kept() + tcp.stream(1).kept(); }

    bool both_spoke() const {
        const TcpStream &one = tcp.stream(0), &other = tcp.stream(1);
        return one.packets > 0 && other.packets > 0 && one.bytes + other.bytes > 0;
    }
    bool closed() const { return stage == Stage::closed; }

    FlowKey key;
    uint64_t hash;
    Nanos timestamp = 0;        // its first packet's
    Nanos first = 0, last = 0;  // when its first and last packet came, by the tracker's clock
    Stage stage = Stage::begun;
    Links<Connection> use, timer;
    HttpConnection http;
    TcpConnection tcp;
};

using UseList = LruList<Connection, &Connection::use>;
using TimerList = LruList<Connection, &Connection::timer>;

}  // namespace sniffer
