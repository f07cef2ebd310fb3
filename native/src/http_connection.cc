#include "http_connection.h"

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

}  // namespace sniffer
