// SipHash-1-3 of a few words: keyed, so that an outsider can't aim collisions.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace sniffer {

struct HashKey {
    uint64_t a, b;
    static HashKey random();
};

// Aumasson and Bernstein, "SipHash: a fast short-input PRF", with 1 and 3 rounds. Without the
// closing length word: all inputs of one key and use have one length.
inline uint64_t sip_hash(HashKey key, const uint64_t* words, size_t count) {
    uint64_t v0 = key.a ^ 0x736f6d6570736575, v1 = key.b ^ 0x646f72616e646f6d;
    uint64_t v2 = key.a ^ 0x6c7967656e657261, v3 = key.b ^ 0x7465646279746573;
    auto round = [&] {
        v0 += v1;
        v1 = std::rotl(v1, 13) ^ v0;
        v0 = std::rotl(v0, 32);
        v2 += v3;
        v3 = std::rotl(v3, 16) ^ v2;
        v0 += v3;
        v3 = std::rotl(v3, 21) ^ v0;
        v2 += v1;
        v1 = std::rotl(v1, 17) ^ v2;
        v2 = std::rotl(v2, 32);
    };
    for (size_t i = 0; i < count; ++i) {
        v3 ^= words[i];
        round();
        v0 ^= words[i];
    }
    v2 ^= 0xff;
    round();
    round();
    round();
    return v0 ^ v1 ^ v2 ^ v3;
}

}  // namespace sniffer
