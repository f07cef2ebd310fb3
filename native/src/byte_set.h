// Some of the ASCII characters, and where the first of them is in a text.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#ifdef __SSSE3__
#include <immintrin.h>
#endif

namespace sniffer {

class ByteSet {
 public:
    explicit constexpr ByteSet(std::string_view ascii) {
        for (const char c : ascii) {
            const auto byte = static_cast<uint8_t>(c);
            const auto row = static_cast<uint8_t>(1 << (byte >> 4));
            has_[byte] = true;
            rows_[byte & 15] |= row;
            row_[byte >> 4] = row;
        }
    }
    // What is in one of them.
    constexpr ByteSet(std::initializer_list<ByteSet> sets) {
        for (const ByteSet& set : sets) {
            for (size_t byte = 0; byte < has_.size(); ++byte) has_[byte] |= set.has_[byte];
            for (size_t i = 0; i < rows_.size(); ++i) {
                rows_[i] |= set.rows_[i];
                row_[i] |= set.row_[i];
            }
        }
    }
    constexpr bool has(char byte) const { return has_[static_cast<uint8_t>(byte)]; }

    // The first place from `at` on; the text's end where there is none.
    size_t find_in(std::string_view text, size_t at = 0) const {
        const size_t near = std::min(text.size(), at + 8);
        while (at < near && !has(text[at])) ++at;
        return at < near ? at : find_further(text, at);
    }

 private:
    // Most are near; what holds none for long goes by in groups.
    size_t find_further(std::string_view text, size_t at) const {
#ifdef __SSSE3__
        for (; at + 16 <= text.size(); at += 16)
            if (const unsigned others = others_in(text.data() + at); others != 0xffff)
                return at + static_cast<size_t>(std::countr_one(others));
#endif
        while (at < text.size() && !has(text[at])) ++at;
        return at;
    }

#ifdef __SSSE3__
    // A bit for each of the sixteen bytes that is none of them. (What is beyond ASCII is looked up as 0 in rows_.)
    unsigned others_in(const char* text) const {
        const auto load = [](const void* from) { return _mm_loadu_si128(static_cast<const __m128i*>(from)); };
        const __m128i bytes = load(text), high = _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(15));
        const __m128i found =
            _mm_and_si128(_mm_shuffle_epi8(load(rows_.data()), bytes), _mm_shuffle_epi8(load(row_.data()), high));
        return static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(found, _mm_setzero_si128())));
    }
#endif

    std::array<bool, 256> has_{};
    // ASCII as a table of eight rows by sixteen columns: a column's members, a bit for each row; and each row's bit.
    std::array<uint8_t, 16> rows_{}, row_{};
};

}  // namespace sniffer
