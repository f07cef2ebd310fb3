#include "checksum.h"

#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace sniffer {
namespace {

unsigned long long word(const uint8_t* data) {
    unsigned long long value;
    std::memcpy(&value, data, sizeof value);
    return value;
}

// Runs over every payload byte. A carry chain needs one instruction for 8 bytes; compilers make
// none from portable code.
template <size_t size>
uint64_t add_block(uint64_t start, const uint8_t* data) {
#if defined(__x86_64__)
    unsigned long long sum = start;
    unsigned char carry = 0;
    for (size_t i = 0; i < size; i += 8) carry = _addcarry_u64(carry, sum, word(data + i), &sum);
    return sum + carry;
#else
    uint64_t sum = start;
    for (size_t i = 0; i < size; i += 8) sum = checksum_add(sum, word(data + i));
    return sum;
#endif
}

}  // namespace

uint64_t checksum_sum(const uint8_t* data, size_t size) {
    uint64_t sum = 0;
    for (; size >= 128; data += 128, size -= 128) sum = add_block<128>(sum, data);
    for (; size >= 32; data += 32, size -= 32) sum = add_block<32>(sum, data);
    for (; size >= 8; data += 8, size -= 8) sum = checksum_add(sum, word(data));
    if (size > 0) {
        // As if zero bytes followed (RFC 1071 section 1).
        uint64_t rest = 0;
        std::memcpy(&rest, data, size);
        sum = checksum_add(sum, rest);
    }
    return sum;
}

}  // namespace sniffer
