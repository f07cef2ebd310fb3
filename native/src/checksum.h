// The Internet checksum (RFC 1071).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace sniffer {

// A ones-complement sum of 16-bit words as they lie in memory: the byte order does not matter as
// long as all parts are summed alike (RFC 1071 section 2 B).
uint64_t checksum_sum(const uint8_t* data, size_t size);

// Adds two sums; a carry out of the top comes back in at the bottom.
inline uint64_t checksum_add(uint64_t a, uint64_t b) {
    const uint64_t sum = a + b;
    return sum + (sum < b);
}

// Of 16 bytes, such as an address.
inline uint64_t checksum_sum16(const uint8_t* data) {
    uint64_t words[2];
    std::memcpy(words, data, sizeof words);
    return checksum_add(words[0], words[1]);
}

// Folds to 16 bits. A range that contains its own checksum folds to 0xffff.
inline uint16_t checksum_fold(uint64_t sum) {
    sum = (sum >> 32) + (sum & 0xffffffff);
    sum = (sum >> 32) + (sum & 0xffffffff);
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    return static_cast<uint16_t>(sum);
}

}  // namespace sniffer
