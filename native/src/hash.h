// Hashes of a few words. Keyed at random they let no outsider aim collisions.
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

// NH (Black et al., "UMAC: fast and secure message authentication"): a multiplication for two words. Over the random
// key two inputs have the same product with a probability of 2^-64, whatever they are; that its halves are folded into
// one word is wyhash's practice, which nobody has proven. All this holds for who never sees a hash: good for the places
// of a table, no more. `count` is even.
constexpr size_t kMostProductWords = 6;
struct ProductKey {
    uint64_t words[kMostProductWords];
    static ProductKey random();
};
inline uint64_t product_hash(const ProductKey& key, const uint64_t* words, size_t count) {
    __extension__ using Wide = unsigned __int128;
    Wide sum = 0;
    for (size_t i = 0; i < count; i += 2) sum += Wide{words[i] + key.words[i]} * (words[i + 1] + key.words[i + 1]);
    return static_cast<uint64_t>(sum >> 64) ^ static_cast<uint64_t>(sum);
}

}  // namespace sniffer
