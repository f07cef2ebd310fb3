#include "timing_connections.h"

#include <algorithm>

namespace sniffer {
namespace {

constexpr uint8_t kTimingClient = 0, kTimingServer = 1;

bool opens(const TimingPacket& packet) {
    return packet.protocol == kTcpProtocol && (packet.flags & (kSyn | kAck)) == kSyn;
}

// Printable ASCII as it is, all else percent-encoded: any target is valid UTF-8 then.
void append_printable(std::string& out, std::string_view text) {
    constexpr char digits[] = "0123456789ABCDEF";
    for (unsigned char c : text) {
        if (c > 0x20 && c < 0x7f) {
            out += static_cast<char>(c);
        } else {
            ((out += '%') += digits[c >> 4]) += digits[c & 15];
        }
    }
}

void stretch(int64_t& first, int64_t& last, Nanos time) {
    if (first == kNoTime) first = time;
    last = time;
}

}  // namespace

TimingConnections::TimingConnections(const std::vector<PortRange>& ports, TimingRows& rows) : rows_(rows) {
    for (const PortRange& range : ports)
        for (uint32_t port = range.first; port <= range.last; ++port) ports_.set(port);
}

TimingConnections::~TimingConnections() {
    while (Flow* flow = used_.oldest()) {
        used_.remove(flow);
        delete flow;
    }
}

TimingVerdict TimingConnections::add(const TimingPacket& packet, const PacketPlace& place) {
    bool low_sent;
    const FlowKey key = FlowKey::of(packet.source, packet.destination, low_sent);
    // TCP and UDP between the same ends are two flows: the table compares the hash too.
    const uint64_t hash = key.hash(key_) ^ packet.protocol;
    Flow* flow = table_.find(key, hash);
    // A SYN that is not the one that opened this connection opens another (RFC 9293 section 3.5).
    if (flow && opens(packet) && !(flow->syn && flow->isn == packet.seq)) {
        close(flow, false);
        flow = nullptr;
    }
    if (!flow) flow = open(packet, key, hash, low_sent, place);
    used_.touch(flow);

    sniffer_timing_connection& row = flow->row;
    TimingVerdict verdict;
    verdict.connection = row.connection;
    verdict.from_client = low_sent == (flow->client == 0);
    if (row.last != kNoTime) verdict.connection_delay = packet.time - row.last;
    const int side = verdict.from_client ? kTimingClient : kTimingServer;
    stretch(row.first, row.last, packet.time);
    ++row.packets[side];
    row.flags |= packet.flags;

    bool fills_hole = false;
    const uint32_t size = new_bytes(flow->sides[side], packet, fills_hole);
    row.bytes[side] += size;
    verdict.nothing_new = packet.length > 0 && (size == 0 || fills_hole);
    row.nothing_new[side] += verdict.nothing_new;
    if (size == 0) return verdict;
    if (fills_hole) {
        fill(*flow, verdict.from_client, packet.time, size);
    } else if (verdict.from_client) {
        request_bytes(*flow, packet, size);
    } else {
        response_bytes(*flow, packet, size);
    }
    return verdict;
}

TimingConnections::Flow* TimingConnections::open(const TimingPacket& packet, const FlowKey& key, uint64_t hash,
                                                 bool low_sent, const PacketPlace& place) {
    if (table_.size() >= kMostConnections) {
        ++evicted_;
        close(used_.oldest(), true);
    }
    auto* flow = new Flow();
    flow->key = key;
    flow->hash = hash;
    flow->client = client_side(packet, key, low_sent);
    flow->syn = opens(packet);
    flow->isn = packet.seq;
    const Endpoint &client = flow->client == 0 ? key.low : key.high, &server = flow->client == 0 ? key.high : key.low;
    flow->row = {};
    flow->row.connection = opened_++;
    flow->row.first = flow->row.last = kNoTime;
    flow->row.first_number = place.number;
    flow->row.first_file = place.file;
    flow->row.client_port = client.port;
    flow->row.server_port = server.port;
    flow->row.protocol = packet.protocol;
    table_.insert(flow);
    used_.add(flow);
    return flow;
}

// The server is the side with one of the ports; where both have one, the side that the SYN goes to,
// and without a SYN the side with the lower port, or else the one that was sent to first.
int TimingConnections::client_side(const TimingPacket& packet, const FlowKey& key, bool low_sent) const {
    const bool low = ports_[key.low.port], high = ports_[key.high.port];
    if (low != high) return low ? 1 : 0;
    const int sender = low_sent ? 0 : 1;
    if (packet.flags & kSyn) return packet.flags & kAck ? 1 - sender : sender;
    if (key.low.port != key.high.port) return key.low.port < key.high.port ? 1 : 0;
    return sender;
}

// How many of the payload's bytes were not seen before. `fills_hole`: they stand before others that were.
uint32_t TimingConnections::new_bytes(Side& side, const TimingPacket& packet, bool& fills_hole) {
    if (packet.protocol != kTcpProtocol) return packet.length;
    const uint32_t begin = packet.seq + (packet.flags & kSyn ? 1 : 0), end = begin + packet.length;
    if (!side.known) {
        // An acknowledgment alone doesn't tell: a keep-alive's number is one too low (RFC 9293 section 3.8.4).
        if (packet.length == 0 && !(packet.flags & kSyn)) return 0;
        side = {true, end, 0, 0};
        return packet.length;
    }
    if (packet.length == 0) return 0;
    const auto beyond = static_cast<int32_t>(end - side.next);
    if (beyond <= 0) {
        if (side.hole == 0 || static_cast<int32_t>(begin - side.hole_begin) < 0) return 0;
        const uint32_t filled = std::min(packet.length, side.hole);
        side.hole -= filled;
        fills_hole = true;
        return filled;
    }
    const uint32_t size = std::min(packet.length, static_cast<uint32_t>(beyond));
    if (static_cast<uint32_t>(beyond) > packet.length) {
        if (side.hole == 0) side.hole_begin = side.next;
        side.hole += static_cast<uint32_t>(beyond) - packet.length;
    }
    side.next = end;
    return size;
}

void TimingConnections::request_bytes(Flow& flow, const TimingPacket& packet, uint32_t size) {
    if (flow.turn_open && flow.turn.response_first != kNoTime) end_turn(flow);
    if (!flow.turn_open) begin_turn(flow);
    sniffer_timing_turn& turn = flow.turn;
    if (turn.request_first == kNoTime && packet.protocol == kTcpProtocol) {
        const RequestStart start = request_start(packet.payload);
        if (!start.method.empty()) {
            flow.request.assign(start.method) += ' ';
            append_printable(flow.request, start.target.substr(0, kLongestTarget));
        }
    }
    stretch(turn.request_first, turn.request_last, packet.time);
    turn.request_bytes += size;
    ++turn.request_packets;
}

void TimingConnections::response_bytes(Flow& flow, const TimingPacket& packet, uint32_t size) {
    if (!flow.turn_open) begin_turn(flow);
    sniffer_timing_turn& turn = flow.turn;
    if (turn.response_first == kNoTime && packet.protocol == kTcpProtocol) {
        const ResponseStart start = response_start(packet.payload);
        if (start.interim) return;
        turn.status = start.status;
    }
    stretch(turn.response_first, turn.response_last, packet.time);
    turn.response_bytes += size;
    ++turn.response_packets;
}

// Late bytes belong to what their side sent last, and lengthen that only while nobody answered.
void TimingConnections::fill(Flow& flow, bool from_client, Nanos time, uint32_t size) {
    if (!flow.turn_open) return;
    sniffer_timing_turn& turn = flow.turn;
    if (from_client && turn.request_first != kNoTime) {
        turn.request_bytes += size;
        ++turn.request_packets;
        if (turn.response_first == kNoTime) turn.request_last = time;
    } else if (!from_client && turn.response_first != kNoTime) {
        turn.response_bytes += size;
        ++turn.response_packets;
        turn.response_last = time;
    }
}

void TimingConnections::begin_turn(Flow& flow) {
    flow.turn = {};
    flow.turn.connection = flow.row.connection;
    flow.turn.turn = flow.row.turns++;
    flow.turn.request_first = flow.turn.request_last = kNoTime;
    flow.turn.response_first = flow.turn.response_last = kNoTime;
    flow.request.clear();
    flow.turn_open = true;
}

void TimingConnections::end_turn(Flow& flow) {
    if (!flow.turn_open) return;
    flow.turn_open = false;
    rows_.turns.text += flow.request;
    rows_.turns.add(flow.turn);
}

void TimingConnections::close(Flow* flow, bool evicted) {
    end_turn(*flow);
    flow->row.evicted = evicted;
    const FlowKey& key = flow->key;
    rows_.connections.text += to_string(flow->client == 0 ? key.low.ip : key.high.ip) + ' ' +
                              to_string(flow->client == 0 ? key.high.ip : key.low.ip);
    rows_.connections.add(flow->row);
    table_.erase(flow);
    used_.remove(flow);
    delete flow;
}

bool TimingConnections::finish(size_t most) {
    while (used_.oldest() && most-- > 0) close(used_.oldest(), false);
    return used_.oldest() != nullptr;
}

}  // namespace sniffer
