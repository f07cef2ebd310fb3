// HttpConnection's reading of one direction: a step for each state.
#include <utility>

#include "http_connection.h"
#include "protocol.h"
#include "text.h"

namespace sniffer {
namespace {

constexpr size_t kIdentified = 8192;  // bytes that tell a protocol

}  // namespace

void HttpConnection::read(Reader& r, Piece piece) {
    while (piece.size > 0) {
        size_t n = step(r, piece);
        piece.data += n;
        piece.size -= static_cast<uint32_t>(n);
        if (n > 0) piece.segment_start = piece.quiet = false;
    }
}

size_t HttpConnection::step(Reader& r, const Piece& piece) {
    if (piece.conflicting && r.draft) r.draft->conflicting_data = true;
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
        if (!seen_http_) r.keep_blank(piece.view().substr(0, blank));
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
    draft.conflicting_data = piece.conflicting;
    draft.midstream = r.resyncing;
    r.scanner.reset();
    r.line_checked = r.simple = false;
    r.state = State::probing;
}

size_t HttpConnection::read_probe(Reader& r, const Piece& piece) {
    char first[80];
    const std::string_view kept = r.draft->raw.raw().bytes;  // at most the longest method, or a ClientHello
    if (!kept.empty() && is_cut_client_hello(kept)) return reject(r, piece);
    const std::string_view bytes = joined(kept, piece.view(), first);
    Looks looks = r.is_request ? looks_like_request(bytes) : looks_like_response(bytes);
    if (looks == Looks::no) return reject(r, piece);
    if (looks == Looks::undecided) {
        r.draft->raw.append(piece.view(), sizeof first);
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
    if (draft.raw.untouched()) {  // the common case: all of it is here, and read where it lies
        ParsedHead parsed;
        size_t end = parse_head({piece.view().substr(0, limit), limit}, r.is_request, context_.scratch, parsed);
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
    draft.raw.append(piece.view().substr(0, size), limit);
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
    if (r.is_request && pairing_.waiting() &&
        pairing_.newest().method == Method::connect) {  // it does not wait for the tunnel
        abandon(r);
        lose_sync(r, piece.size);
        return piece.size;
    }
    std::string bytes(r.draft->raw.raw().bytes);
    bytes.append(piece.view().substr(0, kIdentified));
    if (!seen_http_ && !said_not_http_ && is_cut_client_hello(bytes) && bytes.size() < kIdentified) {
        r.draft->raw.append(piece.view(), kIdentified);  // it names the server further on
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
    if (r.any || r.resyncing || !pairing_.in_step() || !pairing_.waiting() ||
        pairing_.oldest().method == Method::connect)
        return false;
    if (r.draft->raw.over_limit()) return false;  // its first bytes are not all there any more
    ParsedHead head;
    head.head.request = false;
    head.head.version = "0.9";
    MessageDraft& draft = *r.draft;
    context_.encoder.encode_head(head.head, context_.config.max_record / 2, draft.head_json);
    r.any = true;
    pairing_.answer(draft);
    r.body.start({Framing::Kind::until_close, 0, false});
    r.state = State::body;
    return true;
}

size_t HttpConnection::read_deciding(Reader& r, const Piece& piece) {
    char first[8];
    const std::string_view kept = r.draft->raw.raw().bytes;
    if (kept.empty()) r.decides_at_turn = begins_turn(piece);
    Looks looks = looks_like_response(joined(kept, piece.view(), first));
    if (looks == Looks::undecided) {
        r.draft->raw.append(piece.view(), sizeof first);
        return piece.size;
    }
    const auto again = static_cast<uint32_t>(kept.size());  // these stand in `first`, and are read once more
    r.draft->raw.clear();
    if (looks == Looks::no) {
        start_body(r, r.framing, piece.time);
    } else if (r.decides_at_turn) {
        finish_message(r, Incomplete::none, piece.time);  // it answered HEAD
    } else {                                              // a body may begin so too
        finish_message(r, Incomplete::unknown_request, piece.time);
        lose_sync(r, 0);
    }
    if (again > 0) read(r, {first, again, piece.time, piece.segment_start, piece.conflicting, false, piece.number});
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
    auto [step, bytes] = r.body.next(piece.view());
    switch (step) {
        case BodyReader::Step::content:
            keep_body(*r.draft, piece.view().substr(0, bytes));
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
    draft.raw.append(piece.view().substr(0, size), context_.config.max_head);
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
    Looks looks = r.is_request ? looks_like_request(piece.view()) : looks_like_response(piece.view());
    if (looks != Looks::no && r.is_request && !starts_in_capitals(piece.view().substr(0, 64))) looks = Looks::no;
    const bool first = std::exchange(r.joining, false) && piece.segment_start;
    if (first && !seen_http_ && identify(piece.view()).name == "TLS") say_not_http(piece.view());
    const bool joining = first && (!r.is_request || begins_known_method(piece.view()));
    if (looks == Looks::no || !(begins_turn(piece) || joining)) {
        context_.ledger.streams.unparsed_bytes.add(piece.size);
        return piece.size;
    }
    r.resyncing = true;
    begin(r, piece);
    return 0;
}

}  // namespace sniffer
