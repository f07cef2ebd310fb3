// The connections: which packets belong to one, when it begins, when it is given up.
#pragma once

#include <bitset>
#include <vector>

#include "connection_lists.h"
#include "events.h"
#include "excluded_ends.h"
#include "former_connections.h"
#include "packet_clock.h"
#include "stray_segments.h"

namespace sniffer {

class ConnectionSink {
 public:
    virtual ~ConnectionSink() = default;
    virtual void on_connection_end(const ConnectionEnd& connection) = 0;
};

class Tracker final : public MemoryRelief {
 public:
    Tracker(const Config& config, Ledger& ledger, Events& events, Arena& arena, Budget& budget, HttpContext& http,
            ConnectionSink& sink);
    ~Tracker() override;

    void on_segment(const Segment& segment);
    // Time passed without a packet: so far, as clock() goes.
    void on_time(Nanos now);
    void limit_time(Nanos latest) { clock_.limit(latest); }
    // Ends what is open.
    void finish();
    // Frees memory: what is unused, then connections: closed ones, those that keep most, those that have only begun or
    // were not used for longest.
    bool relieve() override;

    ExcludedEnds& excluded() { return excluded_; }
    // This machine's addresses, for captureDirection; none in a replay.
    void set_local(std::vector<Address> addresses) { local_ = std::move(addresses); }
    const PacketClock& clock() const { return clock_; }
    bool waiting() const { return timers_.oldest() != nullptr; }
    void publish();

 private:
    static constexpr Nanos kClosedStay = 10 * kSecond;
    static constexpr uint64_t kConnectionEvents = 5;

    Connection* open(const Segment& segment, const FlowKey& key, uint64_t hash, int side);
    Counter* reason_not_to_open(const Segment& segment, const FlowKey& key);
    Connection* reopen(Connection* connection, const Segment& segment, int side);
    void feed(Connection* connection, const Segment& segment, int side);
    void feed_strays(Connection* connection, int opener, uint32_t isn);
    bool overdue() const;
    void expire();
    bool wanted_direction(const Segment& segment) const;
    bool is_local(const Address& address) const;
    int client_side(const Segment& segment, const FlowKey& key, int side) const;
    void end(Connection* connection, End how);
    void report_end(Connection* connection, End how);
    void drop(Connection* connection);
    void end_for_memory(Connection* connection);
    bool drop_closed();
    bool end_largest();
    bool end_least();
    void make_room();

    const Config& config_;
    const Nanos idle_;                // after which a connection is given up
    const uint64_t max_connections_;  // so many that half of the memory is left to what they say
    Ledger& ledger_;
    Events& events_;
    Budget& budget_;
    HttpContext& http_;
    ConnectionSink& sink_;
    TcpContext tcp_;
    ProductKey key_ = ProductKey::random();
    FlowTable<Connection> table_;
    FormerConnections former_;
    StraySegments strays_;
    ConnectionLists connections_;
    TimerList timers_;
    std::bitset<65536> ports_;
    ExcludedEnds excluded_;
    std::vector<Address> local_;
    Connection* current_ = nullptr;
    bool relieving_ = false;
    uint64_t search_again_ = 0;  // for connections that keep much, after so many were ended for memory
    PacketClock clock_;
    Nanos trimmed_ = 0;  // when the arena was, last
};

}  // namespace sniffer
