#include "utf8.h"

#include <simdjson.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace sniffer {

namespace {

// Bytes of the character that `lead` begins; 1 for what begins none.
size_t character_size(char lead) {
    const auto byte = static_cast<uint8_t>(lead);
    return byte < 0xc0 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : byte < 0xf8 ? 4 : 1;
}

// A lead byte allows its second byte a range, of which either 0x80 or 0xbf is always a part.
bool may_become_valid(const char* begun, size_t held) {
    for (const char fill : {'\x80', '\xbf'}) {
        char whole[4];
        std::memset(whole, fill, sizeof whole);
        std::memcpy(whole, begun, held);
        if (valid_utf8({whole, character_size(begun[0])})) return true;
    }
    return false;
}

}  // namespace

bool valid_utf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

size_t incomplete_tail(std::string_view text) {
    for (size_t back = 1; back <= std::min<size_t>(3, text.size()); ++back) {
        const char c = text[text.size() - back];
        if ((c & 0xc0) == 0x80) continue;
        return character_size(c) > back ? back : 0;
    }
    return 0;
}

bool Utf8Check::feed(std::string_view piece) {
    if (held_ > 0 && !complete(piece)) return false;
    if (piece.empty()) return true;
    const size_t tail = incomplete_tail(piece);
    if (!valid_utf8(piece.substr(0, piece.size() - tail))) return false;
    return tail == 0 || hold(piece.substr(piece.size() - tail));
}

// Takes what the begun character still needs from the piece's front.
bool Utf8Check::complete(std::string_view& piece) {
    const size_t size = character_size(begun_[0]), part = std::min(size - held_, piece.size());
    std::memcpy(begun_ + held_, piece.data(), part);
    piece.remove_prefix(part);
    held_ += part;
    if (held_ < size) return may_become_valid(begun_, held_);
    held_ = 0;
    return valid_utf8({begun_, size});
}

bool Utf8Check::hold(std::string_view tail) {
    std::memcpy(begun_, tail.data(), tail.size());
    held_ = tail.size();
    return may_become_valid(begun_, held_);
}

}  // namespace sniffer
