#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "capture.h"
#include "error.h"

namespace sniffer {
namespace {

Interface& entry(std::vector<Interface>& all, const char* name) {
    const auto found = std::find_if(all.begin(), all.end(), [name](const Interface& i) { return i.name == name; });
    if (found != all.end()) return *found;
    all.push_back({name, false, false, {}});
    return all.back();
}

void add_address(Interface& interface, const sockaddr* address) {
    if (!address) return;
    if (address->sa_family == AF_INET) {
        const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
        interface.addresses.push_back(Address::v4(reinterpret_cast<const uint8_t*>(&v4->sin_addr)));
    } else if (address->sa_family == AF_INET6) {
        const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
        interface.addresses.push_back(Address::v6(v6->sin6_addr.s6_addr));
    }
}

}  // namespace

// Not pcap_findalldevs: it lists what is no network interface too, and opens sockets to try them.
std::vector<Interface> list_interfaces() {
    ifaddrs* list = nullptr;
    if (getifaddrs(&list) != 0)
        throw EngineError(SNIFFER_INTERNAL, std::string("the interfaces can't be listed: ") + std::strerror(errno));
    const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, freeifaddrs);
    // In the kernel's order: each interface has an entry of AF_PACKET, and these come first.
    std::vector<Interface> all;
    for (const ifaddrs* item = list; item; item = item->ifa_next) {
        Interface& interface = entry(all, item->ifa_name);
        interface.up = item->ifa_flags & IFF_UP;
        interface.loopback = item->ifa_flags & IFF_LOOPBACK;
        add_address(interface, item->ifa_addr);
    }
    return all;
}

}  // namespace sniffer
