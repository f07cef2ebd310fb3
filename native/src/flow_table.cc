#include "flow_table.h"

#include <random>

namespace sniffer {

HashKey HashKey::random() {
    std::random_device device;
    auto word = [&] { return static_cast<uint64_t>(device()) << 32 | device(); };
    return {word(), word()};
}

uint64_t FlowKey::hash(HashKey key) const {
    uint64_t ports = static_cast<uint64_t>(low.port) << 16 | high.port;
    if (low.ip.is_v4() && high.ip.is_v4()) {  // the addresses are the upper four bytes of the halves
        uint64_t words[2] = {(low.ip.half(1) & 0xffffffff00000000) | high.ip.half(1) >> 32, ports};
        return sip_hash(key, words, 2);
    }
    uint64_t words[5] = {low.ip.half(0), low.ip.half(1), high.ip.half(0), high.ip.half(1), ports};
    return sip_hash(key, words, 5);
}

}  // namespace sniffer
