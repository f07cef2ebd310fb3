// Short strings into JSON: copied and checked in one go. Inline, for names and values of headers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "ascii.h"

#ifdef __SSSE3__
#include <immintrin.h>
#endif

namespace sniffer {

enum class Case { keep, lower };

#ifdef __SSSE3__
// Sixteen bytes or fewer at a time. Text shorter than a register is read as two overlapping parts,
// so that nothing beyond it is read and nothing beyond its copy is written.
class PlainGroups {
 public:
    template <Case kCase>
    __m128i take(__m128i bytes) {
        // Signed: bytes from 0x80 on are below 0x20 too. Quote and backslash differ in their low four bits.
        const __m128i table = _mm_setr_epi8(-1, -1, '"', -1, -1, -1, -1, -1, -1, -1, -1, -1, '\\', -1, -1, -1);
        special_ = _mm_or_si128(special_, _mm_cmpgt_epi8(_mm_set1_epi8(0x20), bytes));
        special_ = _mm_or_si128(special_, _mm_cmpeq_epi8(_mm_shuffle_epi8(table, bytes), bytes));
        if (kCase == Case::keep) return bytes;
        // A to Z moved to the lowest signed values: one comparison finds them.
        const __m128i moved = _mm_add_epi8(bytes, _mm_set1_epi8(static_cast<char>(0x80 - 'A')));
        const __m128i upper = _mm_cmpgt_epi8(_mm_set1_epi8(static_cast<char>(-128 + 26)), moved);
        return _mm_add_epi8(bytes, _mm_and_si128(upper, _mm_set1_epi8(0x20)));
    }
    bool plain() const { return _mm_movemask_epi8(special_) == 0; }

 private:
    __m128i special_ = _mm_setzero_si128();
};

// Copies `in` to `out` and tells whether it may stand in a JSON string as it is: printable ASCII
// without quotes and backslashes.
template <Case kCase = Case::keep>
inline bool copy_plain(std::string_view in, char* out) {
    const char* from = in.data();
    const size_t size = in.size();
    PlainGroups groups;
    const auto move16 = [&](size_t at) {
        const __m128i bytes = groups.take<kCase>(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + at)));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(out + at), bytes);
    };
    if (size >= 16) {
        for (size_t at = 0; at + 16 < size; at += 16) move16(at);
        move16(size - 16);
        return groups.plain();
    }
    if (size >= 8) {
        uint64_t first, last;
        std::memcpy(&first, from, 8);
        std::memcpy(&last, from + size - 8, 8);
        const __m128i bytes =
            groups.take<kCase>(_mm_set_epi64x(static_cast<int64_t>(last), static_cast<int64_t>(first)));
        _mm_storel_epi64(reinterpret_cast<__m128i*>(out), bytes);
        _mm_storel_epi64(reinterpret_cast<__m128i*>(out + size - 8), _mm_unpackhi_epi64(bytes, bytes));
        return groups.plain();
    }
    uint64_t word = 0;
    if (size >= 4) {
        uint32_t first, last;
        std::memcpy(&first, from, 4);
        std::memcpy(&last, from + size - 4, 4);
        word = static_cast<uint64_t>(last) << 32 | first;
    } else if (size > 0) {
        const auto byte = [&](size_t at) { return static_cast<uint64_t>(static_cast<uint8_t>(from[at])); };
        word = byte(0) | byte(size / 2) << 8 | byte(size - 1) << 16;
    }
    // The rest of the register: a byte that is plain.
    const uint64_t filler = size >= 4 ? 0 : size > 0 ? 0x6161616161000000 : 0x6161616161616161;
    word = static_cast<uint64_t>(
        _mm_cvtsi128_si64(groups.take<kCase>(_mm_set_epi64x(0x6161616161616161, static_cast<int64_t>(word | filler)))));
    if (size >= 4) {
        const auto first = static_cast<uint32_t>(word), last = static_cast<uint32_t>(word >> 32);
        std::memcpy(out, &first, 4);
        std::memcpy(out + size - 4, &last, 4);
    } else if (size > 0) {
        out[0] = static_cast<char>(word);
        out[size / 2] = static_cast<char>(word >> 8);
        out[size - 1] = static_cast<char>(word >> 16);
    }
    return groups.plain();
}
#else
template <Case kCase = Case::keep>
inline bool copy_plain(std::string_view in, char* out) {
    bool plain = true;
    for (const char c : in) {
        plain &= c >= 0x20 && static_cast<uint8_t>(c) < 0x80 && c != '"' && c != '\\';
        *out++ = kCase == Case::lower ? ascii_lower(c) : c;
    }
    return plain;
}
#endif

}  // namespace sniffer
