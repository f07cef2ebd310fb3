#include "flow_table.h"

#include <random>

namespace sniffer {

namespace {

uint64_t random_word() {
    std::random_device device;
    return static_cast<uint64_t>(device()) << 32 | device();
}

}  // namespace

HashKey HashKey::random() { return {random_word(), random_word()}; }

ProductKey ProductKey::random() {
    ProductKey key;
    for (uint64_t& word : key.words) word = random_word();
    return key;
}

uint64_t FlowKey::hash(HashKey key) const {
    if (low.ip.is_v4() && high.ip.is_v4()) {
        const uint64_t words[2] = {both_v4(), both_ports()};
        return sip_hash(key, words, 2);
    }
    const uint64_t words[5] = {low.ip.half(0), low.ip.half(1), high.ip.half(0), high.ip.half(1), both_ports()};
    return sip_hash(key, words, 5);
}

}  // namespace sniffer
