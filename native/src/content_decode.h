// Content codings undone (RFC 9110 section 8.4): gzip, deflate, br, zstd, and lists of them.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "arena.h"
#include "text.h"

namespace sniffer {

class ContentDecoder {
 public:
    enum class Result {
        plain,    // no coding but identity: the body is what it is
        decoded,  // `out` holds the body
        cut,      // `out` holds its beginning: a bound ended it, or the bytes that came do
        failed,   // a coding that is unknown, or bytes that are not of it
    };

    // `budget` is charged with what the libraries keep; a body whose decoder finds no room in it fails.
    explicit ContentDecoder(Budget& budget);
    ~ContentDecoder();

    // `codings` is the header's value. Replaces `out` by at most `limit` bytes; all steps together
    // make at most 20 times the bytes of `body`, so that a small body can't ask for much work.
    Result decode(std::string_view codings, std::span<const std::string_view> body, size_t limit, Text& out);

 private:
    struct Codings;
    std::unique_ptr<Codings> codings_;
    Text between_;  // the output of one coding, the input of the next
};

// True when the value names a coding other than identity.
bool has_content_coding(std::string_view codings);

}  // namespace sniffer
