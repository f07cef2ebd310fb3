// HttpConnection's bodies, and how its messages end.
#include <algorithm>

#include "http_connection.h"
#include "protocol.h"

namespace sniffer {

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
