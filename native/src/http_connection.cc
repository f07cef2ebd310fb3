#include "http_connection.h"

#include <algorithm>
#include <utility>

#include "protocol.h"
#include "text.h"

namespace sniffer {
namespace {

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

HttpConnection::HttpConnection(HttpContext& context, const Endpoint (&ends)[2], const ConnectionId& id, int client)
    : context_(context), ends_{ends[0], ends[1]}, id_(id), client_(static_cast<int8_t>(client)), pairing_(context) {}

HttpConnection::~HttpConnection() {
    for (Reader* r : {&request_, &response_})
        if (r->draft) end_draft(*r);
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
    char room[sizeof undecided_];
    const std::string_view kept(undecided_, undecided_side_ == side ? undecided_size_ : 0);
    const std::string_view bytes = joined(kept, piece.view(), room);
    Looks looks = looks_like_response(bytes);
    if (looks == Looks::undecided && (undecided_side_ < 0 || undecided_side_ == side)) {
        undecided_size_ = static_cast<uint8_t>(bytes.copy(undecided_, sizeof undecided_));
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
            r.draft->missing_bytes += r.body.missing_of(bytes);
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
            r.draft->missing_bytes += bytes;
            finish_unfinished(r, Incomplete::gap);
    }
    lose_count(r);
    lose_sync(r, 0);
}

void HttpConnection::on_fin(int side) {
    if (client_ >= 0) finish_unfinished(reader(side), Incomplete::closed);
}

void HttpConnection::on_conflict(int side) {
    if (client_ >= 0 && reader(side).draft) reader(side).draft->conflicting_data = true;
}

void HttpConnection::on_mistake(int side) {
    pairing_.forget();
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
    pairing_.forget();
}

void HttpConnection::on_end(End end) {
    finish_unfinished(request_, reason_for(end));
    finish_unfinished(response_, reason_for(end));
    pairing_.forget();
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
    draft.unsure = parsed.unsure;
    draft.transfer_coded = parsed.framing.still_coded;
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
    draft.filtered = excluded(context_.config, head.head);
    pairing_.ask(head, request_line, !context_.budget.scarce() || rest_of_share() > 0, draft);
    framing = request_framing(head);
    draft.ambiguous_framing = framing.ambiguous;
}

void HttpConnection::take_response(Reader& r, const ParsedHead& head, Framing& framing) {
    MessageDraft& draft = *r.draft;
    draft.upgrade = head.head.status == 101;
    draft.counted.status = static_cast<uint16_t>(head.head.status);
    draft.interim = head.head.status / 100 == 1 && !draft.upgrade;
    const bool known = pairing_.in_step() || pairing_.waiting();
    RequestKind kind;
    if (pairing_.waiting()) {
        const Method method = pairing_.oldest().method;
        kind = {method == Method::head, method == Method::connect};
        pairing_.answer(draft);
    } else {
        draft.self_delivery |= carries_deliveries_;  // it may answer one
        pairing_.answer_unknown(draft, request_.draft && request_.reads_head());
    }
    framing = response_framing(head, kind);
    draft.ambiguous_framing = framing.ambiguous;
    bool depends = framing.kind != Framing::Kind::none && framing.kind != Framing::Kind::tunnel;
    draft.undecided = !known && depends;
}

// What is missing may have held messages. After a loss of responses any may be the next one's request; after a loss of
// requests those before it are still answered in their order.
void HttpConnection::lose_count(const Reader& r) {
    if (r.is_request)
        pairing_.stop();
    else
        pairing_.forget();
}

// Pairing begins anew with a request that comes when everything before it was acknowledged, the
// server spoke last, and no message is open.
void HttpConnection::resume_pairing(const Piece& piece) {
    bool idle = response_.state == State::start || response_.state == State::lost;
    if (!pairing_.in_step() && piece.quiet && idle && last_side_ == 1 - client_) pairing_.resume();
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
    const uint64_t most = context_.config.max_body - std::min<uint64_t>(context_.config.max_body, draft.body.size());
    size_t take = draft.body_cut ? 0 : std::min<uint64_t>(most, bytes.size());
    if (take > 0 && context_.arena.scarce()) take = std::min<uint64_t>(take, rest_of_share());
    const size_t kept = draft.body.append(context_.arena, context_.relief, bytes.data(), take);
    if (kept == bytes.size()) return;
    if (!draft.body_cut) context_.ledger.streams.bodies_cut.add();
    context_.ledger.streams.cut_bytes.add(bytes.size() - kept);
    draft.body_cut = true;
}

void HttpConnection::finish_message(Reader& r, Incomplete incomplete, Nanos time) {
    if (incomplete == Incomplete::none && r.draft->missing_bytes > 0) incomplete = Incomplete::gap;
    if (r.is_request)
        pairing_.end_request(time, incomplete == Incomplete::none ? static_cast<int64_t>(r.draft->body_size) : -1);
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
    pairing_.forget();
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
    pairing_.forget();
}

void HttpConnection::say_not_http(std::string_view bytes) {
    if (said_not_http_) return;
    said_not_http_ = true;
    protocol_ = identify(bytes).name;
    context_.ledger.streams.not_http.add();
    context_.handler.on_not_http(receiver(), destination(), bytes);
}

void HttpConnection::emit(Reader& r, Incomplete incomplete) {
    const MessageDraft& draft = *r.draft;
    Ledger::Messages& ledger = context_.ledger.messages;
    ledger.produced.add();
    if (incomplete != Incomplete::none) ledger.incomplete.add();
    ++r.messages;
    if (draft.filtered) return ledger.filtered.add();
    Message message;
    static_cast<MessageFacts&>(message) = draft;
    message.receiver = receiver();
    message.destination = destination();
    message.request = r.is_request;
    message.connection_id = id_;
    message.head_json = draft.head_json;
    message.request_json = draft.request_json;
    message.trailers_json = draft.trailers_json;
    message.body = &draft.body;
    message.content_encoding = draft.content_encoding;
    message.content_type = draft.content_type;
    message.incomplete = incomplete;
    context_.handler.on_message(message, draft.self_delivery);
}

void HttpConnection::end_draft(Reader& r) {
    r.draft->body.clear(context_.arena);
    context_.budget.give(r.draft->charged);
    context_.drafts.put(std::move(r.draft));
    --context_.open_exchanges;
}

uint64_t HttpConnection::rest_of_share() const {
    const uint64_t share = context_.budget.share();
    return share - std::min(share, kept());
}

uint64_t HttpConnection::kept() const {
    uint64_t sum = pairing_.kept();
    for (const Reader* r : {&request_, &response_})
        if (r->draft) sum += r->draft->kept();
    return sum;
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
