// The headers that mean something to the sniffer itself, told from all others.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sniffer {

enum class HeaderKind : uint8_t {
    other,
    content_type,
    content_length,
    content_encoding,
    content_range,
    transfer_encoding,
    traceparent,
    delivery,  // Tcp-Sniffer-Delivery: a sniffer's own POST
};

// Whether `name`, which is as long as `lower`, is it in any case; by the word. Only a letter's case is left out.
template <size_t N>
inline bool is_name(std::string_view name, const char (&lower)[N]) {
    constexpr size_t size = N - 1;
    uint64_t differ = 0;
    for (const size_t at : {size_t{0}, size_t{8}, size - 8}) {
        if (at + 8 > size) continue;
        uint64_t word, wanted, cases = 0;
        std::memcpy(&word, name.data() + at, 8);
        std::memcpy(&wanted, lower + at, 8);
        for (size_t i = 0; i < 8; ++i)
            if (lower[at + i] >= 'a')
                cases |= uint64_t{0x20} << (std::endian::native == std::endian::little ? 8 * i : 56 - 8 * i);
        differ |= (word ^ wanted) & ~cases;
    }
    return differ == 0;
}

// Compares by length first: most names are none of these.
inline HeaderKind header_kind(std::string_view name) {
    switch (name.size()) {
        case 11:
            return is_name(name, "traceparent") ? HeaderKind::traceparent : HeaderKind::other;
        case 12:
            return is_name(name, "content-type") ? HeaderKind::content_type : HeaderKind::other;
        case 13:
            return is_name(name, "content-range") ? HeaderKind::content_range : HeaderKind::other;
        case 14:
            return is_name(name, "content-length") ? HeaderKind::content_length : HeaderKind::other;
        case 16:
            return is_name(name, "content-encoding") ? HeaderKind::content_encoding : HeaderKind::other;
        case 17:
            return is_name(name, "transfer-encoding") ? HeaderKind::transfer_encoding : HeaderKind::other;
        case 20:
            return is_name(name, "tcp-sniffer-delivery") ? HeaderKind::delivery : HeaderKind::other;
        default:
            return HeaderKind::other;
    }
}

}  // namespace sniffer
