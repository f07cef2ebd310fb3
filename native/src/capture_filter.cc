#include <stdexcept>

#include "capture.h"
#include "error.h"
#include "pcap_handle.h"

namespace sniffer {
namespace {

// A datagram's fragments but the first have no ports. The first is let in whatever its ports, so
// that the datagram gets whole and is counted once.
constexpr const char* kFragments = "(ip proto 6 and ip[6:2] & 0x3fff != 0)";
constexpr const char* kUdpFragments = "(ip proto 17 and ip[6:2] & 0x3fff != 0)";
// pcap's `tcp` looks only right behind the IPv6 header: hop-by-hop (BIG TCP among them), routing,
// fragment, AH and destination options are walked after decoding.
constexpr const char* kExtensions = "ip6[6] = 0 or ip6[6] = 43 or ip6[6] = 44 or ip6[6] = 51 or ip6[6] = 60";

std::string port_term(const char* protocol, const PortRange& range) {
    const std::string start = protocol;
    if (range.first == range.last) return start + " port " + std::to_string(range.first);
    return start + " portrange " + std::to_string(range.first) + "-" + std::to_string(range.last);
}

std::string with_user(const std::string& own, const std::string& user) {
    return user.empty() ? own : "(" + own + " and (" + user + "))";
}

std::string wanted(const std::vector<PortRange>& ports, const std::string& user) {
    std::string out = "(";
    for (const PortRange& range : ports) out += port_term("tcp", range) + " or ";
    return with_user(out + kFragments + " or " + kExtensions + ")", user);
}

std::string wanted_recording(const Config& config) {
    const RecordingConfig& recording = config.recording;
    std::string out = "(";
    for (const PortRange& range : recording.ports.empty() ? config.ports : recording.ports) {
        if (recording.tcp) out += port_term("tcp", range) + " or ";
        if (recording.udp) out += port_term("udp", range) + " or ";
    }
    if (recording.tcp) out += std::string(kFragments) + " or ";
    if (recording.udp) out += std::string(kUdpFragments) + " or ";
    out = with_user(out + kExtensions + ")", recording.filter);
    // The stream must not carry itself.
    const size_t colon = recording.stream_listen.rfind(':');
    return colon == std::string::npos
               ? out
               : "(" + out + " and not tcp port " + recording.stream_listen.substr(colon + 1) + ")";
}

// `vlan` moves what follows it by one tag (pcap-filter(7)), hence the nesting.
std::string tagged_too(const std::string& plain) {
    return plain + " or (vlan and (" + plain + " or (vlan and " + plain + ")))";
}

void compile(pcap_t* handle, const std::string& text, bpf_program& out, const std::string& user, const char* field) {
    if (pcap_compile(handle, &out, text.c_str(), 1, PCAP_NETMASK_UNKNOWN) == 0) return;
    const std::string reason = pcap_geterr(handle);
    if (user.empty()) throw EngineError(SNIFFER_INTERNAL, "the filter for the ports does not compile: " + reason);
    throw EngineError(SNIFFER_CONFIG, std::string(field) + " does not compile: " + reason + ": " + user);
}

// By itself first: inside our brackets, `a) or (b` would compile.
void check_alone(pcap_t* handle, const std::string& user, const char* field) {
    if (user.empty()) return;
    bpf_program alone{};
    compile(handle, user, alone, user, field);
    pcap_freecode(&alone);
}

}  // namespace

std::string capture_filter(const std::vector<PortRange>& ports, const std::string& user, bool vlan, bool loopback) {
    const std::string plain = wanted(ports, user);
    const std::string out = vlan ? tagged_too(plain) : plain;
    return loopback ? "inbound and (" + out + ")" : out;
}

FilterProgram::FilterProgram(pcap_t* handle, const Config& config, FilterFor purpose, bool loopback) {
    constexpr const char *kCapture = "captureFilter", *kRecording = "recording.filter";
    const bool records = config.recording.enabled && purpose != FilterFor::messages;
    const bool reads = purpose == FilterFor::messages || (purpose == FilterFor::all && config.reassemble);
    if (reads) check_alone(handle, config.filter, kCapture);
    if (records) check_alone(handle, config.recording.filter, kRecording);
    if (reads) text_ = wanted(config.ports, config.filter);
    if (records) text_ = reads ? "(" + text_ + " or " + wanted_recording(config) + ")" : wanted_recording(config);
    // Of the link types that we decode, pcap can filter tags on Ethernet only. Behind `vlan` all is
    // moved by a tag, so it comes last.
    if (pcap_datalink(handle) == DLT_EN10MB) text_ = tagged_too(text_);
    if (loopback) text_ = "inbound and (" + text_ + ")";
    compile(handle, text_, program_, reads ? config.filter : config.recording.filter, reads ? kCapture : kRecording);
}

}  // namespace sniffer
