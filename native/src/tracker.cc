#include "tracker.h"

#include <algorithm>
#include <array>

#include "field_text.h"

namespace sniffer {
namespace {

// The same for every process and both directions: sampling and ids depend on no secret.
constexpr HashKey kPublicKey{0, 0};

double sample_of(const FlowKey& key) {
    return static_cast<double>(key.hash(kPublicKey) >> 11) / static_cast<double>(uint64_t{1} << 53);
}

ConnectionId id_of(const FlowKey& key, Nanos first) {
    uint64_t words[2] = {key.hash(kPublicKey),
                         static_cast<uint64_t>(first / 1000)};  // captures may have microseconds only
    ConnectionId id;
    put_hex(sip_hash(kPublicKey, words, 2), id.data());
    return id;
}

Counter& counter_of(Ledger::Connections& ends, End how) {
    switch (how) {
        case End::fin:
            return ends.fin;
        case End::reset:
            return ends.reset;
        case End::evicted:
            return ends.evicted;
        case End::memory:
            return ends.memory;
        case End::idle_timeout:
            return ends.idle_timeout;
        case End::replaced:
            return ends.replaced;
        case End::capture_end:
            break;
    }
    return ends.capture_end;
}

}  // namespace

Tracker::Tracker(const Config& config, Ledger& ledger, Events& events, Arena& arena, Budget& budget, HttpContext& http,
                 ConnectionSink& sink)
    : config_(config),
      idle_(config.idle_timeout_ms * kMillisecond),
      max_connections_(std::min<uint64_t>(config.max_connections, budget.limit() / 2 / sizeof(Connection))),
      ledger_(ledger),
      events_(events),
      budget_(budget),
      http_(http),
      sink_(sink),
      tcp_{arena, budget, ledger, *this, std::min<uint64_t>(4 << 20, budget.limit() / 4)},
      strays_(budget) {
    http.relief = this;
    for (const PortRange& range : config.ports)
        for (uint32_t port = range.first; port <= range.last; ++port) ports_.set(port);
}

Tracker::~Tracker() {
    while (Connection* connection = connections_.oldest_open()) drop(connection);
    while (Connection* connection = connections_.oldest_closed()) drop(connection);
}

void Tracker::on_segment(const Segment& segment) {
    if (!ports_[segment.source.port] && !ports_[segment.destination.port]) return ledger_.packets.other_port.add();
    bool low_sent;
    FlowKey key = FlowKey::of(segment.source, segment.destination, low_sent);
    // Time goes first: what is overdue when this packet comes is so without it.
    clock_.advance(segment.time);
    if (overdue()) expire();
    int side = low_sent ? 0 : 1;
    uint64_t hash = key.place(key_);
    Connection* connection = table_.find(key, hash);
    const bool begins = !connection || !connection->tcp.knows_places(side, segment);
    if (begins && former_.sent(hash, side, segment, clock_.now())) return ledger_.packets.after_close.add();
    if (!connection) {
        if (Counter* reason = reason_not_to_open(segment, key)) return reason->add();
        connection = open(segment, key, hash, side);
    }
    feed(connection, segment, side);
    while (budget_.used() > budget_.limit() && relieve()) {
    }
}

Counter* Tracker::reason_not_to_open(const Segment& segment, const FlowKey& key) {
    if (excluded_.has(segment)) return &ledger_.packets.own_delivery;
    if (config_.sample_rate < 1 && sample_of(key) >= config_.sample_rate) return &ledger_.packets.sampled_out;
    if (config_.direction != Direction::both && !local_.empty() && !wanted_direction(segment))
        return &ledger_.packets.other_direction;
    bool begins = segment.has(kSyn) || segment.length > 0;
    return begins && !segment.has(kRst) ? nullptr : &ledger_.packets.no_connection;
}

bool Tracker::is_local(const Address& address) const {
    return std::find(local_.begin(), local_.end(), address) != local_.end();
}

// `inbound`: the server's end is here; `outbound`: the client's is.
bool Tracker::wanted_direction(const Segment& segment) const {
    bool source_serves = ports_[segment.source.port], destination_serves = ports_[segment.destination.port];
    if (source_serves && destination_serves) {
        source_serves = segment.has(kSyn) && segment.has(kAck);
        destination_serves = !source_serves;
    }
    const Endpoint& server = destination_serves ? segment.destination : segment.source;
    const Endpoint& client = destination_serves ? segment.source : segment.destination;
    return is_local(config_.direction == Direction::inbound ? server.ip : client.ip);
}

// The receiver is the side with a configured port; where both have one, the side that got the SYN.
int Tracker::client_side(const Segment& segment, const FlowKey& key, int side) const {
    bool low = ports_[key.low.port], high = ports_[key.high.port];
    if (low != high) return low ? 1 : 0;
    if (segment.has(kSyn)) return segment.has(kAck) ? 1 - side : side;
    return -1;
}

Connection* Tracker::open(const Segment& segment, const FlowKey& key, uint64_t hash, int side) {
    make_room();
    auto* connection =
        new Connection(key, hash, id_of(key, segment.time), tcp_, http_, client_side(segment, key, side));
    connection->timestamp = segment.time;
    connection->first = connection->last = clock_.now();
    budget_.force(sizeof(Connection));
    table_.insert(connection);
    connections_.add(connection);
    budget_.share_among(connections_.open());
    ledger_.connections.opened.add();
    if (ledger_.connections.opened.get() <= kConnectionEvents)
        events_.add(Events::Line("connection")
                        .ends(connection->http.receiver(), connection->http.destination())
                        .text("seen", segment.has(kSyn) ? "from its start" : "midway"));
    return connection;
}

void Tracker::make_room() {
    const End how = max_connections_ < config_.max_connections ? End::memory : End::evicted;
    while (connections_.open() + connections_.closed() >= max_connections_) {
        Connection* victim = connections_.oldest_closed();
        if (!victim) {
            victim = connections_.least_open(current_);
            if (!victim) return;
            end(victim, how);
        }
        drop(victim);
    }
}

void Tracker::feed(Connection* connection, const Segment& segment, int side) {
    current_ = connection;
    if (segment.has(kSyn)) connection->http.set_client(client_side(segment, connection->key, side));
    bool was_closed = connection->closed();
    Outcome outcome = connection->tcp.on_segment(side, segment, clock_.now());
    if (outcome == Outcome::reopen) {
        current_ = nullptr;
        if (former_.sent(connection->hash, side, segment, clock_.now())) return ledger_.packets.after_close.add();
        connection = reopen(connection, segment, side);
        if (!connection) return;
        was_closed = false;
        outcome = connection->tcp.on_segment(side, segment, clock_.now());
    }
    if (outcome == Outcome::stray) strays_.keep(connection->hash, side, segment, clock_.now());
    (was_closed ? ledger_.packets.after_close : ledger_.packets.used).add();
    connection->last = clock_.now();
    if (connection->tcp.ended() && !connection->closed()) {
        report_end(connection, connection->tcp.how());
    } else {
        connections_.use(connection);
    }
    if (!connection->tcp.waiting())
        timers_.remove(connection);
    else if (!connection->timer.listed)
        timers_.add(connection);
    current_ = nullptr;
}

// What came before the new connection was known to be one: its handshake first, which tells where each side begins;
// then data of the sides of which that is known.
void Tracker::feed_strays(Connection* connection, int opener, uint32_t isn) {
    const auto feed = [&](int side, const Segment& stray) { connection->tcp.on_segment(side, stray, clock_.now()); };
    strays_.each(connection->hash, clock_.now(), [&](int side, const Segment& stray) {
        const bool fits = side == opener ? stray.seq == isn : stray.has(kAck) && stray.ack == isn + 1;
        if (stray.has(kSyn) && fits) feed(side, stray);
    });
    strays_.each(connection->hash, clock_.now(), [&](int side, const Segment& stray) {
        if (!stray.has(kSyn) && connection->tcp.stream(side).synced) feed(side, stray);
    });
    strays_.forget(connection->hash);
}

// A new connection between the same ends (RFC 9293 section 3.6.1), which is the current one then. Null where it is not
// wanted.
Connection* Tracker::reopen(Connection* old, const Segment& segment, int side) {
    FlowKey key = old->key;
    uint64_t hash = old->hash;
    const uint32_t isn = old->tcp.reopen_isn();
    const int opener = old->tcp.reopen_side();
    const std::array<bool, 2> checksums_tell = old->tcp.checksums_tell();
    if (!old->closed()) end(old, End::replaced);
    drop(old);
    if (Counter* reason = reason_not_to_open(segment, key)) {
        reason->add();
        return nullptr;
    }
    Connection* connection = open(segment, key, hash, side);
    current_ = connection;
    connection->tcp.adopt_checksums(checksums_tell);
    if (opener < 0) return connection;
    connection->tcp.adopt_opener(opener, isn);
    connection->http.set_client(opener);
    feed_strays(connection, opener, isn);
    return connection;
}

// Whether expire() may find something to do: asked with each packet.
bool Tracker::overdue() const {
    const Connection *open = connections_.oldest_open(), *closed = connections_.oldest_closed();
    const Nanos now = clock_.now();
    return timers_.oldest() || (open && now - open->last > idle_) || (closed && now - closed->last > kClosedStay);
}

void Tracker::expire() {
    const Nanos now = clock_.now();
    for (Connection* c = timers_.oldest(); c; c = timers_.oldest()) {
        Nanos since = now;
        for (int side : {0, 1})
            if (c->tcp.stream(side).waiting_since >= 0) since = std::min(since, c->tcp.stream(side).waiting_since);
        if (now - since < TcpConnection::kGapDelay && c->tcp.waiting()) break;
        timers_.remove(c);
        current_ = c;
        Outcome outcome = c->tcp.on_time(now);
        current_ = nullptr;
        if (outcome == Outcome::ended)
            report_end(c, c->tcp.how());
        else if (c->tcp.waiting())
            timers_.add(c);
    }
    for (Connection* c = connections_.oldest_open(); c && now - c->last > idle_; c = connections_.oldest_open()) {
        end(c, End::idle_timeout);
        drop(c);
    }
    for (Connection* c = connections_.oldest_closed(); c && now - c->last > kClosedStay;
         c = connections_.oldest_closed())
        drop(c);
}

void Tracker::on_time(Nanos now) {
    if (clock_.pass(now) && overdue()) expire();
}

void Tracker::end(Connection* connection, End how) {
    Connection* interrupted = current_;
    current_ = connection;
    connection->tcp.finish(how);
    current_ = interrupted;
    report_end(connection, how);
    if ((how == End::evicted || how == End::memory) && !events_.withhold("evicted"))
        events_.add(Events::Line("evicted")
                        .ends(connection->http.receiver(), connection->http.destination())
                        .text("reason", how == End::evicted ? "maxConcurrentConnections" : "maxMemory"));
}

void Tracker::report_end(Connection* connection, End how) {
    timers_.remove(connection);
    connections_.close(connection);
    budget_.share_among(connections_.open());
    counter_of(ledger_.connections, how).add();
    if (!config_.output_connections) return;
    const HttpConnection& http = connection->http;
    int client = http.client() == 1 ? 1 : 0;
    ConnectionEnd record;
    record.timestamp = connection->timestamp;
    record.ended = connection->timestamp + (connection->last - connection->first);
    record.receiver = http.receiver();
    record.destination = http.destination();
    record.connection_id = http.id();
    record.end = end_name(how);
    record.protocol = http.protocol();
    for (int i : {0, 1}) {
        const TcpStream& stream = connection->tcp.stream(i == 0 ? client : 1 - client);
        record.packets[i] = stream.packets;
        record.bytes[i] = stream.bytes;
        record.missing[i] = stream.missing;
        record.messages[i] = http.messages(i == 0);
    }
    record.handshake = connection->tcp.handshake_seen();
    record.conflicting_data = connection->tcp.conflicts();
    record.self_delivery = http.carries_deliveries();
    sink_.on_connection_end(record);
}

void Tracker::drop(Connection* connection) {
    table_.erase(connection);
    timers_.remove(connection);
    connections_.remove(connection);
    if (const TcpConnection& tcp = connection->tcp; tcp.stream(0).sent() + tcp.stream(1).sent() > 0)
        former_.add(connection->hash, {tcp.stream(0).range(), tcp.stream(1).range()}, clock_.now());
    budget_.give(sizeof(Connection));
    delete connection;
}

void Tracker::finish() {
    while (Connection* connection = connections_.oldest_open()) {
        end(connection, End::capture_end);
        drop(connection);
    }
}

void Tracker::publish() {
    if (clock_.now() - trimmed_ >= kSecond) {
        trimmed_ = clock_.now();
        tcp_.arena.trim();
    }
    Ledger::Gauges& gauges = ledger_.gauges;
    gauges.open_connections.set(connections_.open());
    gauges.closed_connections.set(connections_.closed());
    gauges.open_exchanges.set(static_cast<uint64_t>(std::max<int64_t>(0, http_.open_exchanges)));
    gauges.memory_used.set(budget_.used());
    gauges.memory_peak.set(budget_.peak());
    gauges.memory_limit.set(budget_.limit());
}

}  // namespace sniffer
