// The one reader of raw packet bytes: every access is checked against what was captured.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace sniffer {

// A position in a packet. It knows both how many bytes are here and how many were on the wire,
// because the snap length may have cut the rest.
class Cursor {
 public:
    Cursor() = default;
    Cursor(const uint8_t* data, uint32_t captured, uint32_t wire)
        : data_(data), captured_(captured), wire_(std::max(captured, wire)) {}

    uint32_t captured() const { return captured_; }
    uint32_t wire() const { return wire_; }
    bool cut() const { return captured_ < wire_; }
    const uint8_t* data() const { return data_; }

    // Values in network order, `offset` bytes on; 0 where the bytes are not there. Behind a test of
    // captured() the compiler drops the check.
    uint8_t u8(uint32_t offset) const { return has(offset, 1) ? data_[offset] : 0; }
    uint16_t u16(uint32_t offset) const {
        uint16_t value = 0;
        if (has(offset, sizeof value)) std::memcpy(&value, data_ + offset, sizeof value);
        return __builtin_bswap16(value);
    }
    uint32_t u32(uint32_t offset) const {
        uint32_t value = 0;
        if (has(offset, sizeof value)) std::memcpy(&value, data_ + offset, sizeof value);
        return __builtin_bswap32(value);
    }

    // Moves on; false, and nowhere, when fewer bytes were captured.
    bool skip(uint32_t size) {
        if (size > captured_) return false;
        data_ += size;
        captured_ -= size;
        wire_ -= size;
        return true;
    }
    // What follows the first `wire` bytes is no longer seen; where fewer were captured they count as
    // cut off.
    void limit(uint32_t wire) {
        wire_ = wire;
        captured_ = std::min(captured_, wire);
    }

 private:
    bool has(uint32_t offset, uint32_t size) const { return captured_ >= size && offset <= captured_ - size; }
    const uint8_t* data_ = nullptr;
    uint32_t captured_ = 0, wire_ = 0;
};

}  // namespace sniffer
