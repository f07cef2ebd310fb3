// Packets in, connections and their turns out: who sent, from when to when, and who sent next.
//
// What comes out depends on the packets of each connection alone, in their order.
#pragma once

#include <bitset>
#include <memory>
#include <vector>

#include "config.h"
#include "flow_table.h"
#include "lru.h"
#include "pool.h"
#include "sniffer_timing.h"
#include "timing_packet.h"

namespace sniffer {

constexpr Nanos kNoTime = SNIFFER_TIMING_NONE;

// Rows with a text each: text i ends at ends[i + 1].
template <typename Row>
struct TextRows {
    std::vector<Row> rows;
    std::vector<uint32_t> offsets{0};
    std::string text;

    void add(const Row& row) {
        rows.push_back(row);
        offsets.push_back(static_cast<uint32_t>(text.size()));
    }
    void clear() {
        rows.clear();
        offsets.assign(1, 0);
        text.clear();
    }
};

struct TimingRows {
    std::vector<sniffer_timing_packet> packets;
    TextRows<sniffer_timing_turn> turns;
    TextRows<sniffer_timing_connection> connections;

    bool full() const {
        constexpr size_t kMost = 1 << 16;
        return packets.size() >= kMost || turns.rows.size() >= kMost || connections.rows.size() >= kMost;
    }
    void clear() {
        packets.clear();
        turns.clear();
        connections.clear();
    }
};

// Where a packet stands in the files.
struct PacketPlace {
    uint64_t number = 0;
    uint32_t file = 0;
};

// What one packet meant; the times are of its connection.
struct TimingVerdict {
    uint64_t connection = 0;
    Nanos connection_delay = kNoTime;
    bool from_client = false, nothing_new = false;
};

class TimingConnections {
 public:
    // Bounded: the least recently used gives way, as a connection that was evicted.
    static constexpr size_t kMostConnections = 1 << 19;
    // What is kept of a request's target.
    static constexpr size_t kLongestTarget = 1024;

    TimingConnections(const std::vector<PortRange>& ports, TimingRows& rows);
    ~TimingConnections();

    bool wanted(const TimingPacket& packet) const {
        return ports_[packet.source.port] || ports_[packet.destination.port];
    }
    TimingVerdict add(const TimingPacket& packet, const PacketPlace& place);
    // Ends up to `most` connections; false when none is left.
    bool finish(size_t most);
    uint64_t evicted() const { return evicted_; }

 private:
    // What one side's bytes are.
    struct Side {
        bool known = false;  // `next` is
        uint32_t next = 0;   // the sequence number behind the highest byte seen
        uint32_t hole = 0;   // bytes that are missing before it, and where the first of them stands
        uint32_t hole_begin = 0;
    };
    struct Flow {
        FlowKey key;
        uint64_t hash = 0;
        Links<Flow> use;
        int client = 0;  // 0: the key's lower end
        bool syn = false;
        uint32_t isn = 0;  // of the SYN that opened it
        bool turn_open = false;
        Side sides[2];  // [0] the client's
        sniffer_timing_connection row;
        sniffer_timing_turn turn;
        std::string request;
    };

    Flow* open(const TimingPacket& packet, const FlowKey& key, uint64_t hash, bool low_sent, const PacketPlace& place);
    int client_side(const TimingPacket& packet, const FlowKey& key, bool low_sent) const;
    static uint32_t new_bytes(Side& side, const TimingPacket& packet, bool& fills_hole);
    void request_bytes(Flow& flow, const TimingPacket& packet, uint32_t size);
    void response_bytes(Flow& flow, const TimingPacket& packet, uint32_t size);
    static void fill(Flow& flow, bool from_client, Nanos time, uint32_t size);
    void begin_turn(Flow& flow);
    void end_turn(Flow& flow);
    void close(Flow* flow, bool evicted);

    TimingRows& rows_;
    std::bitset<65536> ports_;
    HashKey key_ = HashKey::random();
    FlowTable<Flow> table_;
    LruList<Flow, &Flow::use> used_;
    uint64_t opened_ = 0, evicted_ = 0;
};

}  // namespace sniffer
