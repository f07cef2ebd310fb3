// Sequence arithmetic modulo 2^32 (RFC 9293 section 3.4): the only place that does it.
#pragma once

#include <cstdint>

namespace sniffer {

// a - b as a signed distance; right while they are less than 2^31 apart.
constexpr int32_t seq_diff(uint32_t a, uint32_t b) { return static_cast<int32_t>(a - b); }
constexpr bool seq_less(uint32_t a, uint32_t b) { return seq_diff(a, b) < 0; }
constexpr uint32_t seq_max(uint32_t a, uint32_t b) { return seq_less(a, b) ? b : a; }
constexpr uint32_t seq_min(uint32_t a, uint32_t b) { return seq_less(a, b) ? a : b; }

}  // namespace sniffer
