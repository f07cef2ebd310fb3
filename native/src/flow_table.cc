#include "flow_table.h"

#include <cstring>
#include <random>

namespace sniffer {

HashKey HashKey::random() {
    std::random_device device;
    auto word = [&] { return static_cast<uint64_t>(device()) << 32 | device(); };
    return {word(), word()};
}

FlowKey FlowKey::of(const Endpoint& a, const Endpoint& b, bool& low_sent) {
    int order = std::memcmp(a.ip.bytes.data(), b.ip.bytes.data(), a.ip.bytes.size());
    low_sent = order < 0 || (order == 0 && a.port <= b.port);
    return low_sent ? FlowKey{a, b} : FlowKey{b, a};
}

uint64_t FlowKey::hash(HashKey key) const {
    uint64_t words[5];
    std::memcpy(words, low.ip.bytes.data(), 16);
    std::memcpy(words + 2, high.ip.bytes.data(), 16);
    words[4] = static_cast<uint64_t>(low.port) << 16 | high.port;
    if (low.ip.is_v4() && high.ip.is_v4()) {
        words[1] = (words[1] & 0xffffffff00000000) | words[4];
        words[2] = words[3];
        uint64_t two[2] = {words[1], words[2]};
        return sip_hash(key, two, 2);
    }
    return sip_hash(key, words, 5);
}

}  // namespace sniffer
