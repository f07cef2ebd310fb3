#include "json_text.h"

#include <algorithm>
#include <array>
#include <cstdint>

#ifdef __SSSE3__
#include <immintrin.h>
#endif

namespace sniffer {

namespace {

// Room is taken block by block, so that a body of any size needs little more than its own length.
constexpr size_t kBlock = 4096;

// The byte after the backslash: 'u' for \u00XX, 0 for a byte that stands for itself.
constexpr std::array<char, 256> make_escapes() {
    std::array<char, 256> table{};
    for (int byte = 0; byte < 0x20; ++byte) table[byte] = 'u';
    table['"'] = '"';
    table['\\'] = '\\';
    table['\b'] = 'b';
    table['\t'] = 't';
    table['\n'] = 'n';
    table['\f'] = 'f';
    table['\r'] = 'r';
    return table;
}
constexpr auto kEscapes = make_escapes();
constexpr char kHex[] = "0123456789abcdef";

size_t escaped_size(uint8_t byte) { return kEscapes[byte] == 0 ? 1 : kEscapes[byte] == 'u' ? 6 : 2; }

char* escape_byte(uint8_t byte, char* out) {
    const char escape = kEscapes[byte];
    if (escape == 0) {
        *out = static_cast<char>(byte);
        return out + 1;
    }
    *out++ = '\\';
    *out++ = escape;
    if (escape != 'u') return out;
    *out++ = '0';
    *out++ = '0';
    *out++ = kHex[byte >> 4];
    *out++ = kHex[byte & 15];
    return out;
}

char* escape_bytes(const char* in, size_t size, char* out) {
    for (size_t i = 0; i < size; ++i) out = escape_byte(static_cast<uint8_t>(in[i]), out);
    return out;
}

#ifdef __SSSE3__
// For each set of bytes to escape among eight: the shuffle that moves the bytes to their places.
// Index 8 is where the register holds a backslash.
struct alignas(16) Spread {
    uint8_t index[16];
};
constexpr std::array<Spread, 256> make_spreads() {
    std::array<Spread, 256> table{};
    for (unsigned mask = 0; mask < 256; ++mask) {
        size_t at = 0;
        for (uint8_t byte = 0; byte < 8; ++byte) {
            if (mask >> byte & 1) table[mask].index[at++] = 8;
            table[mask].index[at++] = byte;
        }
        while (at < 16) table[mask].index[at++] = 8;
    }
    return table;
}
constexpr auto kSpreads = make_spreads();

__m128i load(const void* from) { return _mm_loadu_si128(static_cast<const __m128i*>(from)); }
void store(void* to, __m128i value) { _mm_storeu_si128(static_cast<__m128i*>(to), value); }
unsigned bits(__m128i value) { return static_cast<unsigned>(_mm_movemask_epi8(value)); }

// Bytes below 0x20.
__m128i controls(__m128i bytes) { return _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes); }

// Quotes and backslashes: looked up by their low four bits, which differ.
__m128i quotes(__m128i bytes) {
    const __m128i table = _mm_setr_epi8(-1, -1, '"', -1, -1, -1, -1, -1, -1, -1, -1, -1, '\\', -1, -1, -1);
    return _mm_cmpeq_epi8(_mm_shuffle_epi8(table, bytes), bytes);
}

// Control characters with a letter of their own become it; those without stay.
__m128i letters(__m128i bytes, __m128i control) {
    const __m128i table =
        _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 'b' - 8, 't' - 9, 'n' - 10, 0, 'f' - 12, 'r' - 13, 0, 0);
    const __m128i low = _mm_cmpgt_epi8(_mm_set1_epi8(0x10), bytes);  // 0x18 is none of them
    return _mm_add_epi8(bytes, _mm_and_si128(_mm_and_si128(control, low), _mm_shuffle_epi8(table, bytes)));
}

// Writes 16 bytes to each half's place; up to 32 bytes in all.
char* spread(__m128i bytes, unsigned mask, char* out) {
    const __m128i backslash = _mm_set1_epi8('\\');
    const unsigned low = mask & 0xff, high = mask >> 8;
    store(out, _mm_shuffle_epi8(_mm_unpacklo_epi64(bytes, backslash), load(kSpreads[low].index)));
    out += 8 + __builtin_popcount(low);
    store(out, _mm_shuffle_epi8(_mm_unpackhi_epi64(bytes, backslash), load(kSpreads[high].index)));
    return out + 8 + __builtin_popcount(high);
}

[[gnu::noinline]] char* escape_controls(const char* in, __m128i bytes, __m128i control, char* out) {
    const __m128i mapped = letters(bytes, control);
    if (bits(controls(mapped))) return escape_bytes(in, 16, out);
    return spread(mapped, bits(_mm_or_si128(control, quotes(bytes))), out);
}

// Needs room for kMaxEscape * size + 16 bytes.
char* escape_block(const char* in, size_t size, char* out) {
    const char* const end = in + size;
    for (; end - in >= 16; in += 16) {
        const __m128i bytes = load(in), control = controls(bytes), quote = quotes(bytes);
        const unsigned mask = bits(_mm_or_si128(control, quote));
        if (mask == 0) {
            store(out, bytes);
            out += 16;
        } else if (const unsigned quoted = bits(quote); quoted == mask) {
            out = spread(bytes, mask, out);
        } else {
            out = escape_controls(in, bytes, control, out);
        }
    }
    return escape_bytes(in, static_cast<size_t>(end - in), out);
}

template <bool lower>
bool copy_checked(std::string_view in, char* out) {
    std::memcpy(out, in.data(), in.size());
    __m128i special = _mm_setzero_si128();
    // The last group may reach beyond the text: what is there is overwritten by a harmless byte.
    store(out + in.size(), _mm_set1_epi8('a'));
    for (size_t i = 0; i < in.size(); i += 16) {
        __m128i bytes = load(out + i);
        // Signed: bytes from 0x80 on are below 0x20 too.
        const __m128i low = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));
        special = _mm_or_si128(special, _mm_or_si128(low, quotes(bytes)));
        if (!lower) continue;
        const __m128i upper =
            _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8('A' - 1)), _mm_cmplt_epi8(bytes, _mm_set1_epi8('Z' + 1)));
        store(out + i, _mm_add_epi8(bytes, _mm_and_si128(upper, _mm_set1_epi8(0x20))));
    }
    return bits(special) == 0;
}
#else
char* escape_block(const char* in, size_t size, char* out) { return escape_bytes(in, size, out); }

template <bool lower>
bool copy_checked(std::string_view in, char* out) {
    bool plain = true;
    for (char c : in) {
        const auto byte = static_cast<uint8_t>(c);
        plain &= byte < 0x80 && kEscapes[byte] == 0;
        *out++ = lower && c >= 'A' && c <= 'Z' ? static_cast<char>(c + 0x20) : c;
    }
    return plain;
}
#endif

template <char* (*escape)(const char*, size_t, char*)>
void escape_all(std::string_view in, Text& out) {
    for (size_t at = 0; at < in.size(); at += kBlock) {
        const std::string_view block = in.substr(at, kBlock);
        out.end(escape(block.data(), block.size(), out.room(kMaxEscape * block.size() + 16)));
    }
}

}  // namespace

void escape_json(std::string_view in, Text& out) { escape_all<escape_block>(in, out); }
void escape_json_portable(std::string_view in, Text& out) { escape_all<escape_bytes>(in, out); }

size_t escape_json_within(std::string_view in, size_t limit, Text& out) {
    for (size_t i = 0; i < in.size(); ++i) {
        const auto byte = static_cast<uint8_t>(in[i]);
        if (out.size() + escaped_size(byte) > limit) return i;
        out.end(escape_byte(byte, out.room(kMaxEscape)));
    }
    return in.size();
}

size_t escape_latin1_within(std::string_view in, size_t limit, Text& out) {
    for (size_t i = 0; i < in.size(); ++i) {
        const auto byte = static_cast<uint8_t>(in[i]);
        if (out.size() + (byte < 0x80 ? escaped_size(byte) : 2) > limit) return i;
        char* to = out.room(kMaxEscape);
        if (byte < 0x80) {
            out.end(escape_byte(byte, to));
        } else {
            to[0] = static_cast<char>(0xc0 | byte >> 6);
            to[1] = static_cast<char>(0x80 | (byte & 0x3f));
            out.end(to + 2);
        }
    }
    return in.size();
}

bool copy_plain(std::string_view in, char* out) { return copy_checked<false>(in, out); }
bool copy_plain_lower(std::string_view in, char* out) { return copy_checked<true>(in, out); }

}  // namespace sniffer
