// libFuzzer: the whole engine behind a capture of packets that make sense, up to a point: connections of HTTP-like
// bytes with loss, overlap, resets, fragments and other accidents. The ledger balances, memory stays under its
// ceiling, each record is a line of JSON, and a second replay gives the same bytes.
#include <fuzzer/FuzzedDataProvider.h>

#include <string>
#include <vector>

#include "../tests/packets.h"
#include "decode.h"
#include "replay.h"

using namespace sniffer;
using namespace sniffer::fuzz;
using namespace sniffer::test;

namespace {

constexpr size_t kMostPackets = 150;
constexpr uint16_t kServerPort = 8080;

constexpr const char* kWords[] = {
    "GET / HTTP/1.1\r\n\r\n",
    "HEAD /a HTTP/1.1\r\nHost: b\r\n\r\n",
    "POST /c HTTP/1.1\r\nContent-Length: 20\r\n\r\n",
    "POST /d HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "CONNECT e:443 HTTP/1.1\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n",
    "HTTP/1.0 404 Not Found\r\n\r\n",
    "a\r\n0123456789\r\n",
    "0\r\n\r\n",
    "0123456789",
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
};

// Where each side of a connection is.
struct Place {
    uint16_t port;
    uint32_t next[2] = {1000, 4294967000u};
};

std::string some_bytes(FuzzedDataProvider& data) {
    std::string out;
    for (int words = data.ConsumeIntegralInRange(0, 3); words > 0; --words) out += data.PickValueInArray(kWords);
    if (data.ConsumeBool()) out += data.ConsumeRandomLengthString(40);
    if (data.ConsumeIntegralInRange(0, 30) == 0) out += std::string(data.ConsumeIntegralInRange(0, 20000), 'x');
    return out;
}

Tcp some_segment(FuzzedDataProvider& data, Place& place, int& side) {
    constexpr uint8_t kFlags[] = {kAck, kAck, kAck, kAck, kAck | kPsh, kSyn, kSyn | kAck, kFin | kAck, kRst};
    side = data.ConsumeBool();
    Tcp tcp;
    tcp.source = side ? kServerPort : place.port;
    tcp.destination = side ? place.port : kServerPort;
    tcp.flags = data.PickValueInArray(kFlags);
    tcp.seq = place.next[side];
    tcp.ack = tcp.flags & kAck ? place.next[1 - side] : 0;
    if (data.ConsumeIntegralInRange(0, 4) == 0)
        tcp.seq += static_cast<uint32_t>(data.ConsumeIntegralInRange(-300, 300));
    if (data.ConsumeIntegralInRange(0, 8) == 0)
        tcp.ack += static_cast<uint32_t>(data.ConsumeIntegralInRange(-300, 300));
    tcp.data = some_bytes(data);
    const auto taken = static_cast<uint32_t>(tcp.data.size()) + (tcp.flags & (kSyn | kFin) ? 1 : 0);
    place.next[side] = tcp.seq + taken;
    return tcp;
}

// One segment as the packets that it becomes.
void add_packets(FuzzedDataProvider& data, const Tcp& tcp, int side, int64_t nanos, std::vector<Packet>& out) {
    Bytes from = kClient4, to = kServer4;
    if (side) from.swap(to);
    const int how = data.ConsumeIntegralInRange(0, 40);
    Bytes segment = tcp.bytes(from, to, how == 0);
    Ipv4 ip;
    const auto packet = [&](const Bytes& payload) {
        Bytes bytes = ip.bytes(payload);
        if (side) bytes.replace(12, 8, kServer4 + kClient4);
        out.push_back({bytes, nanos});
    };
    if (how == 1 && segment.size() > 16) {  // in two fragments
        ip.id = static_cast<uint16_t>(out.size());
        ip.fragment = 0x2000;
        packet(segment.substr(0, 16));
        ip.fragment = 2;
        packet(segment.substr(16));
        return;
    }
    packet(segment);
    if (how == 2) {  // the snap length cut it
        out.back().wire = static_cast<uint32_t>(out.back().bytes.size());
        out.back().bytes.resize(out.back().bytes.size() * 2 / 3);
    }
    if (how == 3) out.push_back(out.back());
    if (how == 4) out.pop_back();
    if (how == 5 && !out.empty()) out.back().bytes = data.ConsumeRandomLengthString(80);
}

std::string some_config(FuzzedDataProvider& data) {
    std::string out = R"(,"maxMemory":)" + std::to_string(data.PickValueInArray({2 << 20, 4 << 20, 64 << 20}));
    out += R"(,"maxBodySize":)" + std::to_string(data.PickValueInArray({0, 100, 65536}));
    out += R"(,"maxConcurrentConnections":)" + std::to_string(data.ConsumeIntegralInRange(1, 4));
    if (data.ConsumeBool()) out += R"(,"decodeBody":true,"outputConnections":true)";
    if (data.ConsumeBool()) out += R"(,"redactFields":["a","b"],"exclude":[{"path":"/c*"}])";
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    FuzzedDataProvider data(bytes, size);
    const std::string config = some_config(data);
    Place places[4] = {{20000}, {20001}, {20002}, {20003}};
    std::vector<Packet> packets;
    int64_t nanos = 1'700'000'000'000'000'000;
    while (data.remaining_bytes() > 0 && packets.size() < kMostPackets) {
        int side = 0;
        const Tcp tcp = some_segment(data, places[data.ConsumeIntegralInRange(0, 3)], side);
        add_packets(data, tcp, side, nanos, packets);
        nanos += data.PickValueInArray<int64_t>({1000, 1000, 1'000'000, 60'000'000, 400'000'000'000, -1'000'000'000});
    }
    const Bytes file = capture(DLT_RAW, packets);
    const Replayed first = replay(file, config);
    check(first.status == SNIFFER_OK, first.error.c_str());
    check_stats(first.stats);
    const Replayed second = replay(file, config);
    check(first.records == second.records, "a second replay gives the same bytes");
    return 0;
}
