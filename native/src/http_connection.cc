#include "http_connection.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "protocol.h"

namespace sniffer {
namespace {

constexpr size_t kIdentified = 8192;     // bytes that tell a protocol
constexpr uint32_t kMostPending = 1024;  // requests without an answer, of one connection

std::string_view view(const Piece& piece) { return {piece.data, piece.size}; }

Incomplete reason_for(End end) {
    switch (end) {
        case End::fin:
            return Incomplete::closed;
        case End::reset:
            return Incomplete::reset;
        case End::evicted:
            return Incomplete::evicted;
        case End::memory:
            return Incomplete::memory;
        case End::idle_timeout:
            return Incomplete::idle_timeout;
        case End::replaced:
            return Incomplete::replaced;
        case End::capture_end:
            break;
    }
    return Incomplete::capture_end;
}

}  // namespace

HttpConnection::HttpConnection(HttpContext& context, const Endpoint (&ends)[2], uint64_t id, int client)
    : context_(context), ends_{ends[0], ends[1]}, id_(id), client_(static_cast<int8_t>(client)) {}

HttpConnection::~HttpConnection() {
    for (Reader* r : {&request_, &response_})
        if (r->draft) end_draft(*r);
    while (pending_) pop_request();
}

std::string_view HttpConnection::protocol() const {
    if (tunnel_) return "tunnel";
    if (seen_http_) return "http";
    return protocol_;
}

// --- what TCP says ---

void HttpConnection::on_data(int side, const Piece& piece) {
    time_ = piece.time;
    if (client_ < 0 && !settle_roles(side, piece)) return;
    Reader& r = reader(side);
    begin_midway(side);
    if (!r.is_request && request_.simple && request_.state == State::head) finish_simple_request();
    if (r.is_request && response_.state != State::start) end_unknown_response(piece.quiet);
    read(r, piece);
    last_side_ = static_cast<int8_t>(side);
}

// A response without a length, to a request that was not seen, goes on until the close, or it answers HEAD or CONNECT.
// Where the client goes on speaking it is none that goes on. `heard`: the client knows all that the server said.
void HttpConnection::end_unknown_response(bool heard) {
    Reader& r = response_;
    if (r.state == State::deciding && r.framing.kind == Framing::Kind::until_close) {
        finish_deciding(r, heard);
    } else if (r.state == State::body && r.body.until_close() && r.draft->undecided) {
        finish_message(r, Incomplete::unknown_request, time_);
    } else {
        return;
    }
    lose_sync(r, 0);
}

// Before the first bytes of a side that was joined midway: nothing tells where a message begins, but its look.
void HttpConnection::begin_midway(int side) {
    if (!(midway_ >> side & 1)) return;
    midway_ = static_cast<uint8_t>(midway_ & ~(1 << side));
    reader(side).state = State::lost;
    reader(side).joining = true;
}

// Where both ends have a configured port and no SYN was seen: who answers like a server is one.
bool HttpConnection::settle_roles(int side, const Piece& piece) {
    char bytes[sizeof undecided_];
    size_t size = 0;
    if (undecided_side_ == side) {
        size = undecided_size_;
        std::memcpy(bytes, undecided_, size);
    }
    size_t more = std::min<size_t>(sizeof bytes - size, piece.size);
    std::memcpy(bytes + size, piece.data, more);
    Looks looks = looks_like_response({bytes, size + more});
    if (looks == Looks::undecided && (undecided_side_ < 0 || undecided_side_ == side)) {
        std::memcpy(undecided_, bytes, size + more);
        undecided_size_ = static_cast<uint8_t>(size + more);
        undecided_side_ = static_cast<int8_t>(side);
        return false;
    }
    client_ = static_cast<int8_t>(looks == Looks::yes ? 1 - side : side);
    if (undecided_side_ >= 0) {
        begin_midway(undecided_side_);
        read(reader(undecided_side_),
             {undecided_, undecided_size_, piece.time, true, piece.conflicting, false, piece.number});
    }
    return true;
}

void HttpConnection::on_gap(int side, uint64_t bytes) {
    if (client_ < 0) return;
    Reader& r = reader(side);
    last_side_ = static_cast<int8_t>(side);
    if (r.is_request) end_unknown_response(false);
    context_.handler.on_missing(receiver(), destination(), r.is_request, bytes);
    switch (r.state) {
        case State::lost:
            return lose_count(r);
        case State::ignored:
        case State::tunnel:
            return;
        case State::body:
            r.draft->missing += r.body.missing_of(bytes);
            r.draft->hole = true;
            if (r.body.skip(bytes)) {
                if (r.body.done()) finish_message(r, Incomplete::gap, time_);
                return;
            }
            finish_message(r, Incomplete::gap, time_);
            break;
        case State::start:
            break;
        default:
            r.draft->missing += bytes;
            finish_unfinished(r, Incomplete::gap);
    }
    lose_count(r);
    lose_sync(r, 0);
}

void HttpConnection::on_fin(int side) {
    if (client_ >= 0) finish_unfinished(reader(side), Incomplete::closed);
}

void HttpConnection::on_conflict(int side) {
    if (client_ >= 0 && reader(side).draft) reader(side).draft->conflicting = true;
}

void HttpConnection::on_mistake(int side) {
    forget_requests();
    if (client_ < 0) return;
    Reader& r = reader(side);
    if (r.state == State::body && !r.body.until_close()) return;  // its end stands
    if (r.draft) {
        context_.ledger.streams.unparsed_bytes.add(r.draft->body_size);
        abandon(r);
    }
    if (r.state == State::start) lose_sync(r, 0);
}

void HttpConnection::on_midway(int side) {
    midway_ = static_cast<uint8_t>(midway_ | 1 << side);
    forget_requests();
}

void HttpConnection::on_end(End end) {
    finish_unfinished(request_, reason_for(end));
    finish_unfinished(response_, reason_for(end));
    while (pending_) pop_request();
}

// --- reading ---

void HttpConnection::read(Reader& r, Piece piece) {
    while (piece.size > 0) {
        size_t n = step(r, piece);
        piece.data += n;
        piece.size -= static_cast<uint32_t>(n);
        if (n > 0) piece.segment_start = piece.quiet = false;
    }
}

size_t HttpConnection::step(Reader& r, const Piece& piece) {
    if (piece.conflicting && r.draft) r.draft->conflicting = true;
    if (r.draft) r.draft->came_by(piece.number);
    switch (r.state) {
        case State::start:
            return read_start(r, piece);
        case State::probing:
            return read_probe(r, piece);
        case State::head:
            return read_head(r, piece);
        case State::deciding:
            return read_deciding(r, piece);
        case State::body:
            return read_body(r, piece);
        case State::trailers:
            return read_trailers(r, piece);
        case State::lost:
            return read_lost(r, piece);
        case State::ignored:
            context_.ledger.streams.not_http_bytes.add(piece.size);
            break;
        case State::tunnel:
            context_.ledger.streams.tunnel_bytes.add(piece.size);
            break;
    }
    return piece.size;
}

// RFC 9112 section 2.2: empty lines before a start line are passed over.
size_t HttpConnection::read_start(Reader& r, const Piece& piece) {
    size_t blank = 0;
    while (blank < piece.size && (piece.data[blank] == '\r' || piece.data[blank] == '\n')) ++blank;
    if (blank > 0) {
        if (!seen_http_) r.keep_blank(view(piece).substr(0, blank));
        return blank;
    }
    begin(r, piece);
    return read_probe(r, piece);
}

void HttpConnection::begin(Reader& r, const Piece& piece) {
    if (r.is_request) resume_pairing(piece);
    r.draft = context_.drafts.get();
    ++context_.open_exchanges;
    MessageDraft& draft = *r.draft;
    draft.timestamp = piece.time;
    draft.came_by(piece.number);
    draft.conflicting = piece.conflicting;
    draft.midstream = r.resyncing;
    r.scanner.reset();
    r.line_checked = r.simple = false;
    r.state = State::probing;
}

size_t HttpConnection::read_probe(Reader& r, const Piece& piece) {
    char first[80];
    std::string_view bytes = view(piece), kept = r.draft->raw.raw().bytes;
    if (!kept.empty()) {
        if (is_cut_client_hello(kept)) return reject(r, piece);
        std::memcpy(first, kept.data(), kept.size());  // at most the longest method
        size_t more = std::min(sizeof first - kept.size(), bytes.size());
        std::memcpy(first + kept.size(), bytes.data(), more);
        bytes = {first, kept.size() + more};
    }
    Looks looks = r.is_request ? looks_like_request(bytes) : looks_like_response(bytes);
    if (looks == Looks::no) return reject(r, piece);
    if (looks == Looks::undecided) {
        r.draft->raw.append(view(piece), sizeof first);
        charge(*r.draft);
        return piece.size;
    }
    if (!kept.empty()) r.scanner.feed(kept.data(), kept.size());
    r.state = State::head;
    return read_head(r, piece);
}

size_t HttpConnection::read_head(Reader& r, const Piece& piece) {
    MessageDraft& draft = *r.draft;
    const uint64_t limit = context_.config.max_head;
    Framing framing;
    if (draft.raw.empty()) {  // the common case: all of it is here, and read where it lies
        ParsedHead parsed;
        size_t end = parse_head({view(piece).substr(0, limit), limit}, r.is_request, context_.scratch, parsed);
        if (end != HeadScanner::npos) {
            if (!take_head(r, parsed, framing)) return reject(r, piece);
            after_head(r, framing, piece.time);
            return end;
        }
    }
    size_t end = r.scanner.feed(piece.data, piece.size);
    bool whole = end != HeadScanner::npos;
    size_t size = whole ? end : piece.size;
    const HeadBuffer::Mark before = draft.raw.mark();
    draft.raw.append(view(piece).substr(0, size), limit);
    charge(draft);
    const auto refuse = [&] {
        draft.raw.go_back(before);
        return reject(r, piece);
    };
    if (!r.line_checked && r.scanner.any_line()) {
        RawHead raw = draft.raw.raw();
        ParsedHead line = parse_start_line(raw.bytes, r.is_request);
        if (!raw.start_line_cut && (!line.valid || (r.resyncing && !beyond_doubt(line)))) return refuse();
        r.simple = line.simple && !raw.start_line_cut;
        r.line_checked = true;
    }
    if (!whole) return size;
    ParsedHead parsed;
    parse_head(draft.raw.raw(), r.is_request, context_.scratch, parsed);
    if (!take_head(r, parsed, framing)) return refuse();
    after_head(r, framing, piece.time);
    return size;
}

// What does not begin like a message. The piece is passed over: a later segment's first byte may
// begin one. What came before the piece is in the draft.
size_t HttpConnection::reject(Reader& r, const Piece& piece) {
    if (r.is_request && newest_ && newest_->connect) {  // it does not wait for the tunnel
        abandon(r);
        lose_sync(r, piece.size);
        return piece.size;
    }
    std::string bytes(r.draft->raw.raw().bytes);
    bytes.append(view(piece).substr(0, kIdentified));
    if (!seen_http_ && !said_not_http_ && is_cut_client_hello(bytes) && bytes.size() < kIdentified) {
        r.draft->raw.append(view(piece), kIdentified);  // it names the server further on
        charge(*r.draft);
        r.state = State::probing;
        return piece.size;
    }
    if (!r.is_request && legacy_answer(r)) {
        std::string_view kept = r.draft->raw.raw().bytes;
        if (r.state == State::body && !kept.empty()) {
            keep_body(*r.draft, kept);
            r.draft->raw.clear();
        }
        return 0;
    }
    abandon(r);
    if (!seen_http_) {
        bytes.insert(0, r.blank, r.blank_size);
        say_not_http(bytes);
        if (const Protocol protocol = identify(bytes); protocol.known() && protocol.name != kProxyProtocol) {
            ignore_all();
            return 0;
        }
    }
    lose_sync(r, piece.size);
    lose_count(r);
    return piece.size;
}

// An answer without a head (HTTP/0.9): all up to the close is its body.
bool HttpConnection::legacy_answer(Reader& r) {
    if (r.any || r.resyncing || !pairing_ || !pending_ || pending_->connect) return false;
    if (r.draft->raw.over_limit()) return false;  // its first bytes are not all there any more
    ParsedHead head;
    head.head.request = false;
    head.head.version = "0.9";
    MessageDraft& draft = *r.draft;
    context_.encoder.encode_head(head.head, context_.config.max_record / 2, draft.head_json);
    r.any = true;
    answer(draft, *pending_, false);
    r.body.start({Framing::Kind::until_close, 0, false});
    r.state = State::body;
    return true;
}

size_t HttpConnection::read_deciding(Reader& r, const Piece& piece) {
    std::string_view bytes = view(piece), kept = r.draft->raw.raw().bytes;
    char first[8];
    if (!kept.empty()) {
        std::memcpy(first, kept.data(), kept.size());
        size_t more = std::min(sizeof first - kept.size(), bytes.size());
        std::memcpy(first + kept.size(), bytes.data(), more);
        bytes = {first, kept.size() + more};
    }
    if (kept.empty()) r.decides_at_turn = begins_turn(piece);
    Looks looks = looks_like_response(bytes);
    if (looks == Looks::undecided) {
        r.draft->raw.append(view(piece), sizeof first);
        return piece.size;
    }
    char again[8];
    size_t again_size = kept.size();
    std::memcpy(again, kept.data() ? kept.data() : first, again_size);
    r.draft->raw.clear();
    if (looks == Looks::no) {
        start_body(r, r.framing, piece.time);
    } else if (r.decides_at_turn) {
        finish_message(r, Incomplete::none, piece.time);  // it answered HEAD
    } else {                                              // a body may begin so too
        finish_message(r, Incomplete::unknown_request, piece.time);
        lose_sync(r, 0);
    }
    if (again_size > 0)
        read(r, {again, static_cast<uint32_t>(again_size), piece.time, piece.segment_start, piece.conflicting, false,
                 piece.number});
    return 0;
}

// Nothing more comes to decide by. `whole`: nothing was to come behind the head. What did come, less than eight bytes,
// may begin a body or another message.
void HttpConnection::finish_deciding(Reader& r, bool whole) {
    const size_t kept = r.draft->raw.raw().bytes.size();
    context_.ledger.streams.unparsed_bytes.add(kept);
    finish_message(r, whole && kept == 0 ? Incomplete::none : Incomplete::unknown_request, time_);
}

size_t HttpConnection::read_body(Reader& r, const Piece& piece) {
    auto [step, bytes] = r.body.next(view(piece));
    switch (step) {
        case BodyReader::Step::content:
            keep_body(*r.draft, view(piece).substr(0, bytes));
            if (r.body.done()) finish_message(r, Incomplete::none, piece.time);
            break;
        case BodyReader::Step::trailers:
            r.draft->raw.clear();
            r.scanner.reset();
            r.state = State::trailers;
            break;
        case BodyReader::Step::broken:
            finish_message(r, Incomplete::malformed, piece.time);
            lose_count(r);
            lose_sync(r, piece.size);
            return piece.size;
        case BodyReader::Step::done:
            finish_message(r, Incomplete::none, piece.time);
            break;
        case BodyReader::Step::skip:
        case BodyReader::Step::more:
            break;
    }
    return bytes;
}

size_t HttpConnection::read_trailers(Reader& r, const Piece& piece) {
    MessageDraft& draft = *r.draft;
    size_t end = r.scanner.feed(piece.data, piece.size);
    bool whole = end != HeadScanner::npos;
    size_t size = whole ? end : piece.size;
    draft.raw.append(view(piece).substr(0, size), context_.config.max_head);
    charge(draft);
    if (!whole) return size;
    take_trailers(draft);
    finish_message(r, Incomplete::none, piece.time);
    return size;
}

// The lines that are whole: a section may end early.
void HttpConnection::take_trailers(MessageDraft& draft) {
    RawHead raw = draft.raw.raw();
    draft.headers_truncated |= draft.raw.over_limit();
    std::string_view lines = raw.bytes.substr(0, raw.kept);
    const auto& fields = parse_fields(lines.substr(0, lines.rfind('\n') + 1), context_.scratch);
    if (fields.empty()) return;
    bool whole = context_.encoder.encode_trailers(fields, context_.config.max_record / 4, draft.trailers_json);
    draft.headers_truncated |= !whole;
}

// Where the other side spoke, having heard all before this, a message begins if its look says so. In the midst of what
// one side says a body may hold the text of one.
bool HttpConnection::begins_turn(const Piece& piece) { return piece.segment_start && piece.quiet; }

size_t HttpConnection::read_lost(Reader& r, const Piece& piece) {
    Looks looks = r.is_request ? looks_like_request(view(piece)) : looks_like_response(view(piece));
    if (looks != Looks::no && r.is_request && !starts_in_capitals(view(piece).substr(0, 64))) looks = Looks::no;
    const bool first = std::exchange(r.joining, false) && piece.segment_start;
    if (first && !seen_http_ && identify(view(piece)).name == "TLS") say_not_http(view(piece));
    const bool joining = first && (!r.is_request || begins_known_method(view(piece)));
    if (looks == Looks::no || !(begins_turn(piece) || joining)) {
        context_.ledger.streams.unparsed_bytes.add(piece.size);
        return piece.size;
    }
    r.resyncing = true;
    begin(r, piece);
    return 0;
}

// --- heads and pairing ---

bool HttpConnection::take_head(Reader& r, const ParsedHead& parsed, Framing& framing, bool cut) {
    if (!parsed.valid || (r.resyncing && !beyond_doubt(parsed))) return false;
    MessageDraft& draft = *r.draft;
    if (r.resyncing) context_.ledger.streams.resyncs.add();
    r.any = seen_http_ = true;
    r.resyncing = false;
    draft.headers_truncated = draft.raw.over_limit();
    carries_deliveries_ |= parsed.self_delivery;
    draft.self_delivery = parsed.self_delivery || (cut && r.is_request && carries_deliveries_);
    draft.partial = parsed.partial;
    if (!parsed.content_type.empty()) draft.content_type = parsed.content_type;
    if (!parsed.content_encoding.empty()) draft.content_encoding = parsed.content_encoding;
    const uint64_t limit = context_.config.max_record;
    const EncodedHead encoded = context_.encoder.encode_head(parsed.head, limit / 2, draft.head_json);
    if (!encoded.whole) draft.headers_truncated = true;
    if (r.is_request)
        take_request(r, parsed, draft.head_json.view().substr(0, encoded.request_line), framing);
    else
        take_response(r, parsed, framing);
    draft.raw.clear();
    charge(draft);
    return true;
}

void HttpConnection::take_request(Reader& r, const ParsedHead& head, std::string_view request_line, Framing& framing) {
    MessageDraft& draft = *r.draft;
    draft.exchange = exchanges_++;
    draft.filtered = excluded(context_.config, head.head);
    if (pairing_ && !answered_early_) push_request(head, request_line, draft);
    answered_early_ = false;
    framing = request_framing(head);
    draft.ambiguous = framing.ambiguous;
}

void HttpConnection::take_response(Reader& r, const ParsedHead& head, Framing& framing) {
    MessageDraft& draft = *r.draft;
    draft.upgrade = head.head.status == 101;
    draft.counted.status = static_cast<uint16_t>(head.head.status);
    bool interim = head.head.status / 100 == 1 && !draft.upgrade;
    draft.interim = interim;
    bool reading_request = request_.draft && (request_.state == State::head || request_.state == State::probing);
    RequestKind kind;
    bool known = pairing_ || pending_;
    if (pending_) {
        kind = {pending_->head, pending_->connect};
        answer(draft, *pending_, interim);
    } else {
        draft.exchange = exchanges_;
        draft.self_delivery |= carries_deliveries_;  // it may answer one
        if (reading_request)
            answered_early_ = !interim;  // its head is not whole yet
        else if (!interim)
            ++exchanges_;
    }
    framing = response_framing(head, kind);
    draft.ambiguous = framing.ambiguous;
    bool depends = framing.kind != Framing::Kind::none && framing.kind != Framing::Kind::tunnel;
    draft.undecided = !known && depends;
}

// Copies to a response what it takes from its request. The final one ends the exchange.
void HttpConnection::answer(MessageDraft& draft, const PendingRequest& request, bool interim) {
    draft.exchange = request.exchange;
    draft.request_json.append(request.reference_json.data(), request.reference_json.size());
    if (request.ended >= 0 && draft.timestamp >= request.ended) draft.latency = draft.timestamp - request.ended;
    draft.filtered = request.filtered;
    draft.self_delivery |= request.self_delivery;
    draft.asked = request.began;
    draft.counted.method = request.method;
    draft.counted.latency = draft.latency;
    draft.counted.request_size = request.size;
    if (!interim) pop_request();
}

void HttpConnection::push_request(const ParsedHead& head, std::string_view request_line, const MessageDraft& draft) {
    if (pending_count_ >= kMostPending) {
        context_.ledger.streams.pipeline_full.add();
        return stop_pairing();
    }
    auto request = context_.requests.get();
    request->exchange = draft.exchange;
    request->began = draft.timestamp;
    request->method = method_of(head.head.method);
    request->head = head.head.method == "HEAD";
    request->connect = head.head.method == "CONNECT";
    request->filtered = draft.filtered;
    request->self_delivery = draft.self_delivery;
    context_.encoder.encode_request_reference(head.head, request_line, context_.config.max_record / 4,
                                              request->reference_json);
    request->charged = sizeof(PendingRequest) + request->reference_json.capacity();
    context_.budget.force(request->charged);
    current_ = request.get();
    auto& place = newest_ ? newest_->next : pending_;
    newest_ = current_;
    place = std::move(request);
    ++pending_count_;
    ++context_.open_exchanges;
}

void HttpConnection::pop_request() {
    std::unique_ptr<PendingRequest> first = std::move(pending_);
    pending_ = std::move(first->next);
    if (!pending_) newest_ = nullptr;
    if (current_ == first.get()) current_ = nullptr;
    --pending_count_;
    --context_.open_exchanges;
    context_.budget.give(first->charged);
    context_.requests.put(std::move(first));
}

// What is missing may have held messages. After a loss of responses any may be the next one's request; after a loss of
// requests those before it are still answered in their order.
void HttpConnection::lose_count(const Reader& r) {
    if (r.is_request)
        stop_pairing();
    else
        forget_requests();
}

// No further request is waited for.
void HttpConnection::stop_pairing() { pairing_ = answered_early_ = false; }

void HttpConnection::forget_requests() {
    stop_pairing();
    while (pending_) pop_request();
}

// Pairing begins anew with a request that comes when everything before it was acknowledged, the
// server spoke last, and no message is open.
void HttpConnection::resume_pairing(const Piece& piece) {
    bool idle = response_.state == State::start || response_.state == State::lost;
    if (pairing_ || !piece.quiet || !idle || last_side_ != 1 - client_) return;
    forget_requests();
    pairing_ = true;
}

// --- bodies and ends ---

void HttpConnection::after_head(Reader& r, const Framing& framing, Nanos time) {
    if (!r.draft->undecided) return start_body(r, framing, time);
    r.framing = framing;
    r.state = State::deciding;
}

void HttpConnection::start_body(Reader& r, const Framing& framing, Nanos time) {
    if (framing.kind == Framing::Kind::tunnel) {
        bool upgrade = r.draft->upgrade;
        finish_message(r, Incomplete::none, time);
        return become_tunnel(upgrade ? "upgrade" : "connect");
    }
    r.body.start(framing);
    if (r.body.done())
        finish_message(r, Incomplete::none, time);
    else
        r.state = State::body;
}

void HttpConnection::keep_body(MessageDraft& draft, std::string_view bytes) {
    draft.body_size += bytes.size();
    if (draft.hole) return;
    uint64_t room = context_.config.max_body - std::min<uint64_t>(context_.config.max_body, draft.body.size());
    size_t take = draft.body_cut ? 0 : std::min<uint64_t>(room, bytes.size());
    bool scarce = take > 0 && context_.arena.scarce();
    size_t kept = 0;
    if (take > 0 && !scarce) draft.body.append(context_.arena, bytes.data(), take, &kept);
    if (kept == bytes.size()) return;
    if (!draft.body_cut) context_.ledger.streams.bodies_cut.add();
    context_.ledger.streams.cut_bytes.add(bytes.size() - kept);
    draft.body_cut = true;
}

void HttpConnection::finish_message(Reader& r, Incomplete incomplete, Nanos time) {
    if (incomplete == Incomplete::none && r.draft->missing > 0) incomplete = Incomplete::gap;
    if (r.is_request && current_) {
        current_->ended = time;
        if (incomplete == Incomplete::none) current_->size = static_cast<int64_t>(r.draft->body_size);
        current_ = nullptr;
    }
    if (!r.is_request && !r.draft->interim) count_exchange(*r.draft, incomplete, time);
    emit(r, incomplete);
    end_draft(r);
    r.state = State::start;
}

// The histograms hold what was seen whole. What is not reported, and a sniffer's own, does not count.
void HttpConnection::count_exchange(MessageDraft& draft, Incomplete incomplete, Nanos time) {
    if (draft.filtered || draft.self_delivery) return;
    if (incomplete == Incomplete::none) {
        draft.counted.response_size = static_cast<int64_t>(draft.body_size);
        if (draft.asked >= 0 && time >= draft.asked) draft.counted.duration = time - draft.asked;
    }
    context_.handler.on_exchange(receiver(), destination(), draft.counted);
}

// What is open when nothing more comes.
void HttpConnection::finish_unfinished(Reader& r, Incomplete incomplete) {
    bool closed = incomplete == Incomplete::closed;
    switch (r.state) {
        case State::probing:
            if (is_cut_client_hello(r.draft->raw.raw().bytes)) say_not_http(r.draft->raw.raw().bytes);
            return abandon(r);
        case State::head:
            return finish_cut_head(r, incomplete);
        case State::deciding:
            return finish_deciding(r, closed && r.framing.kind == Framing::Kind::until_close);
        case State::body:
            if (r.body.until_close()) incomplete = end_at_close(*r.draft, incomplete);
            return finish_message(r, incomplete, time_);
        case State::trailers:
            take_trailers(*r.draft);
            return finish_message(r, incomplete, time_);
        default:
            return;
    }
}

// Of a body without a length. Where its request was not seen that may have been a CONNECT, whose answer has no body:
// what follows a 2xx is then a tunnel's (RFC 9110 section 9.3.6).
Incomplete HttpConnection::end_at_close(const MessageDraft& draft, Incomplete incomplete) {
    const bool maybe_tunnel = draft.undecided && draft.counted.status / 100 == 2;
    if (incomplete == Incomplete::closed && !maybe_tunnel) return Incomplete::none;
    return draft.undecided ? Incomplete::unknown_request : incomplete;
}

// A head without its end: it comes out when its start line is whole.
void HttpConnection::finish_cut_head(Reader& r, Incomplete incomplete) {
    RawHead raw = r.draft->raw.raw();
    size_t lines = raw.bytes.rfind('\n');
    if (!r.line_checked || lines == std::string_view::npos) return abandon(r);
    raw.kept = std::min(raw.kept, lines + 1);
    bool complete = r.simple && incomplete != Incomplete::gap && lines + 1 == raw.bytes.size();
    Framing framing;
    ParsedHead parsed;
    parse_head(raw, r.is_request, context_.scratch, parsed);
    if (!take_head(r, parsed, framing, !complete)) return abandon(r);
    finish_message(r, complete ? Incomplete::none : incomplete, time_);
}

void HttpConnection::finish_simple_request() { finish_cut_head(request_, Incomplete::closed); }

void HttpConnection::abandon(Reader& r) {
    context_.ledger.streams.unparsed_bytes.add(r.draft->raw.raw().bytes.size());
    end_draft(r);
    r.resyncing = false;
    r.state = State::start;
}

void HttpConnection::lose_sync(Reader& r, uint64_t bytes) {
    if (r.any && r.state != State::lost) context_.handler.on_lost_sync(receiver(), destination(), r.is_request);
    context_.ledger.streams.unparsed_bytes.add(bytes);
    r.resyncing = false;
    r.state = State::lost;
}

void HttpConnection::become_tunnel(std::string_view how) {
    for (Reader* r : {&request_, &response_}) {
        if (r->draft) abandon(*r);
        r->state = State::tunnel;
    }
    while (pending_) pop_request();
    if (tunnel_) return;
    tunnel_ = true;
    context_.ledger.streams.tunnels.add();
    context_.handler.on_tunnel(receiver(), destination(), how);
}

void HttpConnection::ignore_all() {
    for (Reader* r : {&request_, &response_}) {
        if (r->draft) abandon(*r);
        r->state = State::ignored;
    }
    while (pending_) pop_request();
}

void HttpConnection::say_not_http(std::string_view bytes) {
    if (said_not_http_) return;
    said_not_http_ = true;
    protocol_ = identify(bytes).name;
    context_.ledger.streams.not_http.add();
    context_.handler.on_not_http(receiver(), destination(), bytes);
}

void HttpConnection::emit(const Reader& r, Incomplete incomplete) {
    const MessageDraft& draft = *r.draft;
    Ledger::Messages& ledger = context_.ledger.messages;
    ledger.produced.add();
    if (incomplete != Incomplete::none) ledger.incomplete.add();
    ++const_cast<Reader&>(r).messages;
    if (draft.filtered) return ledger.filtered.add();
    Message message;
    message.timestamp = draft.timestamp;
    message.first_packet = draft.first_packet;
    message.last_packet = draft.last_packet;
    message.receiver = receiver();
    message.destination = destination();
    message.request = r.is_request;
    message.connection_id = id_;
    message.exchange = draft.exchange;
    message.head_json = draft.head_json;
    message.request_json = draft.request_json;
    message.trailers_json = draft.trailers_json;
    message.body = &draft.body;
    message.body_size = draft.body_size;
    message.content_encoding = draft.content_encoding;
    message.content_type = draft.content_type;
    message.body_cut = draft.body_cut;
    message.partial = draft.partial;
    message.latency = draft.latency;
    message.interim = draft.interim;
    message.incomplete = incomplete;
    message.missing_bytes = draft.missing;
    message.midstream = draft.midstream;
    message.headers_truncated = draft.headers_truncated;
    message.ambiguous_framing = draft.ambiguous;
    message.conflicting_data = draft.conflicting;
    context_.handler.on_message(message, draft.self_delivery);
}

void HttpConnection::end_draft(Reader& r) {
    r.draft->body.clear(context_.arena);
    context_.budget.give(r.draft->charged);
    context_.drafts.put(std::move(r.draft));
    --context_.open_exchanges;
}

void HttpConnection::charge(MessageDraft& draft) {
    uint64_t now = draft.memory();
    if (now > draft.charged)
        context_.budget.force(now - draft.charged);
    else
        context_.budget.give(draft.charged - now);
    draft.charged = now;
}

}  // namespace sniffer
