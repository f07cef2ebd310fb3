// Is it UTF-8 (RFC 3629)?
#pragma once

#include <cstddef>
#include <string_view>

namespace sniffer {

bool valid_utf8(std::string_view text);

// The bytes at the end of `text` that begin a character whose rest is not there: 0 to 3.
size_t incomplete_tail(std::string_view text);

// A text that comes in pieces; a character may span several.
class Utf8Check {
 public:
    // False from the first byte on that can't be UTF-8.
    bool feed(std::string_view piece);
    // After the last piece: bytes of a character that was begun and may still become valid.
    size_t pending() const { return held_; }

 private:
    bool complete(std::string_view& piece);
    bool hold(std::string_view tail);
    char begun_[4] = {};
    size_t held_ = 0;
};

}  // namespace sniffer
