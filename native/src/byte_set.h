// Some of the 256 bytes, and where the first of them is: a look at a table for each byte of the text.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sniffer {

class ByteSet {
 public:
    explicit constexpr ByteSet(std::string_view bytes) {
        for (const char byte : bytes) has_[static_cast<uint8_t>(byte)] = true;
    }
    constexpr bool has(char byte) const { return has_[static_cast<uint8_t>(byte)]; }

    // The first place from `at` on; the text's end where there is none.
    size_t find_in(std::string_view text, size_t at = 0) const {
        while (at < text.size() && !has(text[at])) ++at;
        return at;
    }

 private:
    std::array<bool, 256> has_{};
};

}  // namespace sniffer
