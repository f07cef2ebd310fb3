#include "json_text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#ifdef __SSSE3__
#include <immintrin.h>
#endif

namespace sniffer {

namespace {

// Room is taken block by block, so that a body of any size needs little more than its own length.
constexpr size_t kBlock = 4096;

// What a byte becomes: up to six bytes of text, written as eight.
struct Escape {
    char text[7]{};
    uint8_t size = 1;
};
constexpr char kHex[] = "0123456789abcdef";
constexpr std::array<Escape, 256> make_escapes() {
    std::array<Escape, 256> table{};
    for (unsigned byte = 0; byte < 256; ++byte) table[byte].text[0] = static_cast<char>(byte);
    for (unsigned byte = 0; byte < 0x20; ++byte)
        table[byte] = {{'\\', 'u', '0', '0', kHex[byte >> 4], kHex[byte & 15]}, 6};
    constexpr std::array<std::array<char, 2>, 7> letters{
        {{'"', '"'}, {'\\', '\\'}, {'\b', 'b'}, {'\t', 't'}, {'\n', 'n'}, {'\f', 'f'}, {'\r', 'r'}}};
    for (const auto& [byte, letter] : letters) table[static_cast<uint8_t>(byte)] = {{'\\', letter}, 2};
    return table;
}
constexpr auto kEscapes = make_escapes();

size_t escaped_size(uint8_t byte) { return kEscapes[byte].size; }

// Needs room for sizeof(Escape).
inline char* escape_byte(uint8_t byte, char* out) {
    const Escape escape = kEscapes[byte];
    std::memcpy(out, &escape, sizeof escape);
    return out + escape.size;
}

// Where an escaped block ends, and whether a byte of it was beyond ASCII.
struct Escaped {
    char* end;
    bool beyond_ascii;
};

Escaped escape_bytes(const char* in, size_t size, char* out) {
    uint8_t any = 0;
    for (size_t i = 0; i < size; ++i) {
        const auto byte = static_cast<uint8_t>(in[i]);
        any |= byte;
        out = escape_byte(byte, out);
    }
    return {out, any >= 0x80};
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
size_t count(size_t mask) { return static_cast<size_t>(__builtin_popcountll(mask)); }
unsigned bits(__m128i value) { return static_cast<unsigned>(_mm_movemask_epi8(value)); }

// Bytes below 0x20.
__m128i controls(__m128i bytes) { return _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes); }

// Quotes and backslashes: looked up by their low four bits, which differ.
__m128i quote_table() { return _mm_setr_epi8(-1, -1, '"', -1, -1, -1, -1, -1, -1, -1, -1, -1, '\\', -1, -1, -1); }
__m128i quotes(__m128i bytes) { return _mm_cmpeq_epi8(_mm_shuffle_epi8(quote_table(), bytes), bytes); }

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
    const size_t low = mask & 0xff, high = mask >> 8 & 0xff;
    store(out, _mm_shuffle_epi8(_mm_unpacklo_epi64(bytes, backslash), load(kSpreads[low].index)));
    out += 8 + count(low);
    store(out, _mm_shuffle_epi8(_mm_unpackhi_epi64(bytes, backslash), load(kSpreads[high].index)));
    return out + 8 + count(high);
}

// Eight times `\u00` and two digits: what stays, and which digit goes where.
struct alignas(16) Hexes {
    char text[48]{};
    uint8_t digit[48]{};
};
constexpr Hexes make_hexes() {
    Hexes hexes;
    for (uint8_t at = 0; at < 48; ++at) {
        const uint8_t byte = at / 6, place = at % 6;
        hexes.text[at] = "\\u00\0\0"[place];
        hexes.digit[at] = place < 4 ? uint8_t{0x80} : static_cast<uint8_t>(2 * byte + place - 4);
    }
    return hexes;
}
constexpr Hexes kHexes = make_hexes();

// `digits`: two for each of eight control characters.
inline char* put_hexes(__m128i digits, char* out) {
    for (size_t at = 0; at < 48; at += 16)
        store(out + at, _mm_or_si128(load(kHexes.text + at), _mm_shuffle_epi8(digits, load(kHexes.digit + at))));
    return out + 48;
}

// Sixteen control characters, none of which has a letter.
inline char* escape_hexes(__m128i bytes, char* out) {
    const __m128i high = _mm_sub_epi8(_mm_set1_epi8('0'), _mm_cmpgt_epi8(bytes, _mm_set1_epi8(0x0f)));
    const __m128i low = _mm_shuffle_epi8(load(kHex), bytes);
    return put_hexes(_mm_unpackhi_epi8(high, low), put_hexes(_mm_unpacklo_epi8(high, low), out));
}

[[gnu::noinline]] char* escape_controls(const char* in, __m128i bytes, __m128i control, char* out) {
    const __m128i mapped = letters(bytes, control);
    const unsigned hexes = bits(controls(mapped));
    if (hexes == 0) return spread(mapped, bits(_mm_or_si128(control, quotes(bytes))), out);
    if (hexes == 0xffff) return escape_hexes(bytes, out);
#pragma GCC unroll 16
    for (size_t i = 0; i < 16; ++i) out = escape_byte(static_cast<uint8_t>(in[i]), out);
    return out;
}

char* escape_16(const char* in, char* out) {
    const __m128i bytes = load(in), control = controls(bytes), quote = quotes(bytes);
    const unsigned mask = bits(_mm_or_si128(control, quote));
    if (mask == 0) {
        store(out, bytes);
        return out + 16;
    }
    return mask == bits(quote) ? spread(bytes, mask, out) : escape_controls(in, bytes, control, out);
}

// Needs room for kMaxEscape * size + 32 bytes, as the next.
Escaped escape_block(const char* in, size_t size, char* out) {
    const char* const end = in + size;
    __m128i any = _mm_setzero_si128();
    for (; end - in >= 16; in += 16) {
        any = _mm_or_si128(any, load(in));
        out = escape_16(in, out);
    }
    if (in == end) return {out, bits(any) != 0};
    // The rest is filled up with bytes that stay as they are, and which are taken back.
    const auto rest = static_cast<size_t>(end - in);
    char filled[16];
    store(filled, _mm_set1_epi8('a'));
    std::memcpy(filled, in, rest);
    any = _mm_or_si128(any, load(filled));
    return {escape_16(filled, out) - (16 - rest), bits(any) != 0};
}

#define SNIFFER_AVX2 [[gnu::target("avx2,bmi,bmi2,popcnt")]]

// Both lanes' eight lowest bytes, or their eight highest, spread like spread() does it.
SNIFFER_AVX2 inline __m256i spread_pair(__m256i with_backslash, size_t first, size_t second) {
    const char* const spreads = reinterpret_cast<const char*>(kSpreads.data());
    const __m256i index =
        _mm256_inserti128_si256(_mm256_castsi128_si256(load(spreads + first)), load(spreads + second), 1);
    return _mm256_shuffle_epi8(with_backslash, index);
}

// Spreads four groups of eight bytes; up to 64 bytes in all. A group's mask is kept times 16, as its spread's offset.
SNIFFER_AVX2 inline char* spread_32(__m256i bytes, unsigned mask, char* out) {
    static_assert(sizeof(Spread) == 16);
    constexpr unsigned kGroup = 0xff0;
    const size_t a = mask << 4 & kGroup, b = mask >> 4 & kGroup, c = mask >> 12 & kGroup, d = mask >> 20 & kGroup;
    const __m256i backslash = _mm256_set1_epi8('\\');
    const __m256i ac = spread_pair(_mm256_unpacklo_epi64(bytes, backslash), a, c);
    const __m256i bd = spread_pair(_mm256_unpackhi_epi64(bytes, backslash), b, d);
    store(out, _mm256_castsi256_si128(ac));
    out += 8 + count(a);
    store(out, _mm256_castsi256_si128(bd));
    out += 8 + count(b);
    store(out, _mm256_extracti128_si256(ac, 1));
    out += 8 + count(c);
    store(out, _mm256_extracti128_si256(bd, 1));
    return out + 8 + count(d);
}

// Whether all are control characters without a letter.
SNIFFER_AVX2 inline bool all_hexes(__m256i bytes) {
    const __m256i letter = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 1, 1, 0, 0));
    const __m256i lettered = _mm256_shuffle_epi8(letter, _mm256_add_epi8(bytes, _mm256_set1_epi8(0x70)));
    const __m256i other = _mm256_or_si256(lettered, _mm256_and_si256(bytes, _mm256_set1_epi8(static_cast<char>(0xe0))));
    return _mm256_testz_si256(other, other);
}

SNIFFER_AVX2 inline char* escape_hexes_32(__m256i bytes, char* out) {
    return escape_hexes(_mm256_extracti128_si256(bytes, 1), escape_hexes(_mm256_castsi256_si128(bytes), out));
}

// The same as escape_block, looking at 32 bytes at a time.
SNIFFER_AVX2 Escaped escape_block_avx2(const char* in, size_t size, char* out) {
    const __m256i table = _mm256_broadcastsi128_si256(quote_table()), space = _mm256_set1_epi8(0x20);
    __m256i any = _mm256_setzero_si256();
    const char* const end = in + size;
    for (; end - in >= 32; in += 32) {
        const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in));
        // Signed: control characters, and what is beyond ASCII too.
        const __m256i unusual = _mm256_cmpgt_epi8(space, bytes);
        if (!_mm256_testz_si256(unusual, unusual)) [[unlikely]] {
            if (all_hexes(bytes)) {
                out = escape_hexes_32(bytes, out);
                continue;
            }
            any = _mm256_or_si256(any, bytes);
            if (_mm256_movemask_epi8(unusual) != _mm256_movemask_epi8(bytes)) {
                out = escape_16(in + 16, escape_16(in, out));
                continue;
            }
        }
        const __m256i quote = _mm256_cmpeq_epi8(_mm256_shuffle_epi8(table, bytes), bytes);
        const auto mask = static_cast<unsigned>(_mm256_movemask_epi8(quote));
        if (mask == 0) {
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), bytes);
            out += 32;
        } else {
            out = spread_32(bytes, mask, out);
        }
    }
    const Escaped rest = escape_block(in, static_cast<size_t>(end - in), out);
    return {rest.end, rest.beyond_ascii || _mm256_movemask_epi8(any) != 0};
}

const bool kHasAvx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");

Escaped escape_fast(const char* in, size_t size, char* out) {
    return kHasAvx2 ? escape_block_avx2(in, size, out) : escape_block(in, size, out);
}
#else
Escaped escape_fast(const char* in, size_t size, char* out) { return escape_bytes(in, size, out); }
#endif

template <Escaped (*escape)(const char*, size_t, char*)>
bool escape_all(std::string_view in, Text& out) {
    bool ascii = true;
    for (size_t at = 0; at < in.size(); at += kBlock) {
        const std::string_view block = in.substr(at, kBlock);
        const Escaped escaped = escape(block.data(), block.size(), out.room(kMaxEscape * block.size() + 32));
        ascii &= !escaped.beyond_ascii;
        out.end(escaped.end);
    }
    return ascii;
}

}  // namespace

bool escape_json(std::string_view in, Text& out) { return escape_all<escape_fast>(in, out); }
bool escape_json_portable(std::string_view in, Text& out) { return escape_all<escape_bytes>(in, out); }

size_t escape_json_within(std::string_view in, size_t limit, Text& out) {
    for (size_t i = 0; i < in.size(); ++i) {
        const auto byte = static_cast<uint8_t>(in[i]);
        if (out.size() + escaped_size(byte) > limit) return i;
        out.end(escape_byte(byte, out.room(sizeof(Escape))));
    }
    return in.size();
}

size_t escape_latin1_within(std::string_view in, size_t limit, Text& out) {
    for (size_t i = 0; i < in.size(); ++i) {
        const auto byte = static_cast<uint8_t>(in[i]);
        if (out.size() + (byte < 0x80 ? escaped_size(byte) : 2) > limit) return i;
        char* to = out.room(sizeof(Escape));
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

}  // namespace sniffer
