#include "header_names.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "hash.h"
#include "plain_copy.h"
#include "utf8.h"

namespace sniffer {
namespace {

constexpr size_t kFew = 32;

const ProductKey& name_key() {
    static const ProductKey key = ProductKey::random();
    return key;
}

// Of a long name, for the place of a table. Its words are folded in one after the other, each with what came before.
uint64_t name_hash(std::string_view name) {
    uint64_t words[4] = {name.size()};
    while (!name.empty()) {
        words[1] = words[2] = words[3] = 0;
        const size_t size = std::min(name.size(), 3 * sizeof *words);
        std::memcpy(words + 1, name.data(), size);
        words[0] = product_hash(name_key(), words, 4);
        name.remove_prefix(size);
    }
    return words[0];
}

// Equal for equal names. All of a name counts up to kSigned bytes: no more than nine such names can be made to collide.
constexpr size_t kSigned = 16;
uint64_t signature(const char* name, size_t size) {
    uint64_t words[2] = {0, uint64_t{size} << 56};
    if (size >= 8) {
        uint64_t last;
        std::memcpy(&words[0], name, 8);
        std::memcpy(&last, name + size - 8, 8);
        words[1] ^= last;
    } else if (size >= 4) {
        uint32_t first, last;
        std::memcpy(&first, name, 4);
        std::memcpy(&last, name + size - 4, 4);
        words[0] = first;
        words[1] |= last;
    } else {
        for (size_t i = 0; i < size; ++i) words[0] = words[0] << 8 | static_cast<uint8_t>(name[i]);
    }
    return product_hash(name_key(), words, 2);
}

// Makes UTF-8 of bytes that are U+0000 to U+00FF each, in their place, where there is room for twice as many. Returns
// how many they became.
size_t widen_latin1(char* text, size_t size) {
    const auto wide = [](char c) { return (c & 0x80) != 0; };
    const size_t after = size + static_cast<size_t>(std::count_if(text, text + size, wide));
    for (char *from = text + size, *to = text + after; from < to;) {
        const char c = *--from;
        *--to = wide(c) ? static_cast<char>(0x80 | (c & 0x3f)) : c;
        if (wide(c)) *--to = static_cast<char>(0xc0 | static_cast<uint8_t>(c) >> 6);
    }
    return after;
}

}  // namespace

void HeaderNames::collect(std::span<const HeaderField> fields) {
    names_.clear();
    headers_.clear();
    for (const HeaderField& field : fields) add(field.name);
    if (headers_.size() <= kFew)
        link_few();
    else
        link_many();
}

// As the record has it: names may be the same only there.
void HeaderNames::add(std::string_view name) {
    char* to = names_.room(2 * name.size());
    HeaderName header;
    header.plain = copy_plain<Case::lower>(name, to);
    header.latin1 = !header.plain && !valid_utf8(name);
    const size_t size = header.latin1 ? widen_latin1(to, name.size()) : name.size();
    header.signature = signature(to, size);
    header.offset = static_cast<uint32_t>(names_.size());
    header.size = static_cast<uint32_t>(size);
    headers_.push_back(header);
    names_.end(to + size);
}

bool HeaderNames::same(const HeaderName& a, const HeaderName& b) const {
    return a.signature == b.signature && text(a) == text(b);
}

// `later` has the name of `first`.
void HeaderNames::link(uint32_t first, uint32_t later) {
    HeaderName& head = headers_[first];
    headers_[head.last == HeaderName::kNone ? first : head.last].next = later;
    head.last = later;
    headers_[later].repeated = true;
}

// A bit for each name so far: most are seen to be new without a comparison.
void HeaderNames::link_few() {
    uint64_t seen = 0;
    for (uint32_t i = 0; i < headers_.size(); ++i) {
        const uint64_t bit = uint64_t{1} << (headers_[i].signature >> 58);
        if (seen & bit) link_to_first(i);
        seen |= bit;
    }
}

void HeaderNames::link_to_first(uint32_t later) {
    for (uint32_t i = 0; i < later; ++i)
        if (same(headers_[i], headers_[later])) return link(i, later);
}

// A table of places that is at most half full, under a key of its own.
void HeaderNames::link_many() {
    places_.assign(std::bit_ceil(2 * headers_.size()), HeaderName::kNone);
    for (uint32_t i = 0; i < headers_.size(); ++i) {
        uint32_t& first = place_of(headers_[i]);
        if (first == HeaderName::kNone)
            first = i;
        else
            link(first, i);
    }
}

uint32_t& HeaderNames::place_of(const HeaderName& header) {
    const size_t mask = places_.size() - 1;
    size_t at = (header.size <= kSigned ? header.signature : name_hash(text(header))) & mask;
    while (places_[at] != HeaderName::kNone && !same(headers_[places_[at]], header)) at = (at + 1) & mask;
    return places_[at];
}

}  // namespace sniffer
