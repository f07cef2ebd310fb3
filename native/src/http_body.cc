#include "http_body.h"

#include <algorithm>

namespace sniffer {
namespace {

using Kind = Framing::Kind;

// Rules 3 to 8 of RFC 9112 section 6.3, which are the same for both directions but for their end.
Framing by_fields(const ParsedHead& head, Kind without) {
    const FramingFields& fields = head.framing;
    Framing framing;
    framing.ambiguous = fields.loose;
    if (fields.transfer_encoding) {
        bool old_version = head.head.version == "1.0";  // section 6.1: faulty framing
        framing.ambiguous |= fields.content_length || !fields.chunked_last || fields.behind_chunked ||
                             fields.empty_coding || old_version;
        framing.kind = fields.chunked_last ? Kind::chunked : Kind::until_close;
    } else if (fields.length_invalid) {
        framing.ambiguous = true;
        framing.kind = Kind::until_close;
    } else if (fields.content_length) {
        framing.kind = fields.length > 0 ? Kind::length : Kind::none;
        framing.length = fields.length;
    } else {
        framing.kind = without;
    }
    return framing;
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = static_cast<char>(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

Framing request_framing(const ParsedHead& head) {
    Framing framing = by_fields(head, Kind::none);
    // RFC 9110 section 9.3.6: it has no content, so to many readers the tunnel begins here.
    if (head.head.method == "CONNECT" && framing.kind != Kind::none) framing.ambiguous = true;
    return framing;
}

Framing response_framing(const ParsedHead& head, RequestKind request) {
    int status = head.head.status;
    if (status == 101) return {Kind::tunnel, 0, false};
    if (request.connect && status / 100 == 2) return {Kind::tunnel, 0, false};  // rule 2, 204 included
    // Rule 1; section 6.1 forbids the coding there, and some readers obey it nevertheless.
    if (status / 100 == 1 || status == 204) return {Kind::none, 0, head.framing.transfer_encoding};
    if (status == 304 || request.head) return {};
    return by_fields(head, Kind::until_close);
}

void BodyReader::start(const Framing& framing) {
    left_ = framing.length;
    part_seen_ = false;
    switch (framing.kind) {
        case Kind::length:
            state_ = State::counted;
            break;
        case Kind::until_close:
            state_ = State::until_close;
            break;
        case Kind::chunked:
            state_ = State::size;
            left_ = 0;
            break;
        default:
            state_ = State::done;
    }
}

// RFC 9112 section 7.1. White space around the size is read, as receivers do.
BodyReader::Result BodyReader::read_size(std::string_view data) {
    for (size_t i = 0; i < data.size(); ++i) {
        char c = data[i];
        int digit = hex_digit(c);
        if (digit >= 0) {
            if (left_ >> 56) return {Step::broken, i};
            left_ = left_ << 4 | static_cast<uint64_t>(digit);
            part_seen_ = true;
        } else if (c == '\n' || c == ';' || c == '\r' || c == ' ' || c == '\t') {
            if (!part_seen_) return {Step::broken, i};
            state_ = State::extension;
            return {Step::skip, i};
        } else {
            return {Step::broken, i};
        }
    }
    return {Step::more, data.size()};
}

// The usual "CRLF, size, CRLF" between two chunks, in one step. How many bytes that are; 0 where it is anything else.
size_t BodyReader::read_usual_delimiter(std::string_view data) {
    constexpr size_t kMostDigits = 8;
    if (part_seen_ || data.size() < 5 || data[0] != '\r' || data[1] != '\n') return 0;
    uint64_t size = 0;
    size_t at = 2;
    for (const size_t end = std::min(data.size(), at + kMostDigits); at < end; ++at) {
        const int digit = hex_digit(data[at]);
        if (digit < 0) break;
        size = size << 4 | static_cast<uint64_t>(digit);
    }
    if (size == 0 || data.size() < at + 2 || data[at] != '\r' || data[at + 1] != '\n') return 0;
    left_ = size;
    state_ = State::data;
    return at + 2;
}

BodyReader::Result BodyReader::next(std::string_view data) {
    switch (state_) {
        case State::counted:
        case State::data: {
            uint64_t n = std::min<uint64_t>(left_, data.size());
            left_ -= n;
            if (left_ == 0) state_ = state_ == State::data ? State::data_end : State::done;
            return {Step::content, n};
        }
        case State::until_close:
            return {Step::content, data.size()};
        case State::size:
            return read_size(data);
        case State::extension: {
            size_t lf = data.find('\n');
            if (lf == std::string_view::npos) return {Step::more, data.size()};
            part_seen_ = false;
            if (left_ == 0) {
                state_ = State::done;
                return {Step::trailers, lf + 1};
            }
            state_ = State::data;
            return {Step::skip, lf + 1};
        }
        case State::data_end:
            if (const size_t size = read_usual_delimiter(data)) return {Step::skip, size};
            if (data[0] == '\r' && !part_seen_) {
                part_seen_ = true;
                return {Step::skip, 1};
            }
            if (data[0] != '\n') return {Step::broken, 0};
            part_seen_ = false;
            state_ = State::size;
            return {Step::skip, 1};
        case State::done:
            break;
    }
    return {Step::done, 0};
}

bool BodyReader::skip(uint64_t bytes) {
    switch (state_) {
        case State::until_close:
            return true;
        case State::counted:
        case State::data:
            if (bytes > left_) return false;
            left_ -= bytes;
            if (left_ == 0) state_ = state_ == State::data ? State::data_end : State::done;
            return true;
        default:
            return false;
    }
}

}  // namespace sniffer
