// Base64 with padding (RFC 4648 section 4), for bytes that come in pieces.
#pragma once

#include <cstddef>
#include <string_view>

#include "text.h"

namespace sniffer {

class Base64 {
 public:
    explicit Base64(Text& out) : out_(out) {}
    void feed(std::string_view bytes);
    void finish();  // what is left over, padded

 private:
    Text& out_;
    char held_[3];
    size_t held_size_ = 0;
};

}  // namespace sniffer
