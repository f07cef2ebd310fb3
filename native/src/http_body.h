// The framing of an HTTP/1 message (RFC 9112 sections 6 and 7): where its body is, and its end.
#pragma once

#include <cstdint>
#include <string_view>

#include "http_head.h"

namespace sniffer {

struct Framing {
    enum class Kind : uint8_t { none, length, chunked, until_close, tunnel };
    Kind kind = Kind::none;
    uint64_t length = 0;
    bool ambiguous = false;
};

// What a response's framing depends on: the request that it answers.
struct RequestKind {
    bool head = false, connect = false;
};

Framing request_framing(const ParsedHead& head);
Framing response_framing(const ParsedHead& head, RequestKind request);

// Takes a body apart: which bytes are content, and when it is over.
class BodyReader {
 public:
    enum class Step : uint8_t {
        content,   // `bytes` of content begin here
        skip,      // `bytes` that are chunked coding's own
        trailers,  // the trailer section begins behind `bytes`
        done,      // the body ended behind `bytes`
        broken,    // what follows is no chunk
        more,      // nothing can be said without more bytes; `bytes` were read
    };
    struct Result {
        Step step;
        size_t bytes;
    };

    void start(const Framing& framing);
    // Looks at the first bytes of `data`, which is not empty.
    Result next(std::string_view data);
    // `bytes` are missing here. False when the end of the body may be among them.
    bool skip(uint64_t bytes);
    // How many of `bytes` that are missing here belong to this body.
    uint64_t missing_of(uint64_t bytes) const { return state_ == State::counted && bytes > left_ ? left_ : bytes; }
    bool done() const { return state_ == State::done; }
    bool until_close() const { return state_ == State::until_close; }

 private:
    enum class State : uint8_t { done, counted, until_close, size, extension, data, data_end };
    Result read_size(std::string_view data);
    size_t read_usual_delimiter(std::string_view data);
    State state_ = State::done;
    bool part_seen_ = false;  // a digit of the size, or the CR behind the data
    uint64_t left_ = 0;
};

}  // namespace sniffer
