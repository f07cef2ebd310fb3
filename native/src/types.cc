#include "types.h"

#include <arpa/inet.h>

namespace sniffer {

std::string to_string(const Address& address) {
    char text[INET6_ADDRSTRLEN];
    if (address.is_v4()) return inet_ntop(AF_INET, address.bytes.data() + 12, text, sizeof text);
    return inet_ntop(AF_INET6, address.bytes.data(), text, sizeof text);
}

std::string to_string(const Endpoint& end) {
    const std::string ip = to_string(end.ip), port = std::to_string(end.port);
    return end.ip.is_v4() ? ip + ":" + port : "[" + ip + "]:" + port;
}

bool parse_address(std::string_view text, Address& out) {
    // A link-local address may carry its zone (RFC 4007 section 11); on the wire there is none.
    const std::string address(text.substr(0, text.find('%')));
    uint8_t bytes[16];
    if (inet_pton(AF_INET, address.c_str(), bytes) == 1) {
        out = Address::v4(bytes);
        return address.size() == text.size();
    }
    if (inet_pton(AF_INET6, address.c_str(), bytes) != 1) return false;
    out = Address::v6(bytes);
    return true;
}

}  // namespace sniffer
