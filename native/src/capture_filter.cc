#include <stdexcept>

#include "capture.h"
#include "error.h"
#include "pcap_handle.h"

namespace sniffer {
namespace {

// A datagram's fragments but the first have no ports. The first is let in whatever its ports, so
// that the datagram gets whole and is counted once.
constexpr const char* kFragments = "(ip proto 6 and ip[6:2] & 0x3fff != 0)";
// pcap's `tcp` looks only right behind the IPv6 header: hop-by-hop (BIG TCP among them), routing,
// fragment, AH and destination options are walked after decoding.
constexpr const char* kExtensions = "ip6[6] = 0 or ip6[6] = 43 or ip6[6] = 44 or ip6[6] = 51 or ip6[6] = 60";

std::string port_term(const PortRange& range) {
    if (range.first == range.last) return "tcp port " + std::to_string(range.first);
    return "tcp portrange " + std::to_string(range.first) + "-" + std::to_string(range.last);
}

std::string wanted(const std::vector<PortRange>& ports, const std::string& user) {
    std::string out = "(";
    for (const PortRange& range : ports) out += port_term(range) + " or ";
    out += std::string(kFragments) + " or " + kExtensions + ")";
    return user.empty() ? out : "(" + out + " and (" + user + "))";
}

void compile(pcap_t* handle, const std::string& text, bpf_program& out, const std::string& user) {
    if (pcap_compile(handle, &out, text.c_str(), 1, PCAP_NETMASK_UNKNOWN) == 0) return;
    const std::string reason = pcap_geterr(handle);
    if (user.empty()) throw EngineError(SNIFFER_INTERNAL, "the filter for the ports does not compile: " + reason);
    throw EngineError(SNIFFER_CONFIG, "captureFilter does not compile: " + reason + ": " + user);
}

}  // namespace

std::string capture_filter(const std::vector<PortRange>& ports, const std::string& user, bool vlan, bool loopback) {
    std::string out = wanted(ports, user);
    if (vlan) {
        // `vlan` moves what follows it by one tag (pcap-filter(7)), hence the nesting.
        const std::string plain = out;
        out = plain + " or (vlan and (" + plain + " or (vlan and " + plain + ")))";
    }
    return loopback ? "inbound and (" + out + ")" : out;
}

FilterProgram::FilterProgram(pcap_t* handle, const Config& config, bool loopback) {
    if (!config.filter.empty()) {
        // By itself first: inside our brackets, `a) or (b` would compile.
        bpf_program alone{};
        compile(handle, config.filter, alone, config.filter);
        pcap_freecode(&alone);
    }
    // Of the link types that we decode, pcap can filter tags on Ethernet only.
    const bool vlan = pcap_datalink(handle) == DLT_EN10MB;
    text_ = capture_filter(config.ports, config.filter, vlan, loopback);
    compile(handle, text_, program_, config.filter);
}

}  // namespace sniffer
