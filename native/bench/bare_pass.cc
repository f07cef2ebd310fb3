// The least a program can do with a capture: libpcap reads it, and each cache line of each packet is
// touched once. What the sniffer's replay is measured against.
//   bare_pass FILE
#include <pcap/pcap.h>

#include <cstdint>
#include <cstdio>

namespace {

constexpr bpf_u_int32 kCacheLine = 64;

struct Seen {
    uint64_t packets = 0;
    uint64_t bytes = 0;
    uint64_t sum = 0;  // printed, so that the reads are not optimised away
};

void touch(u_char* user, const pcap_pkthdr* header, const u_char* data) {
    auto& seen = *reinterpret_cast<Seen*>(user);
    ++seen.packets;
    seen.bytes += header->caplen;
    for (bpf_u_int32 at = 0; at < header->caplen; at += kCacheLine) seen.sum += data[at];
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return std::fputs("usage: bare_pass FILE\n", stderr), 2;
    char error[PCAP_ERRBUF_SIZE];
    pcap_t* capture = pcap_open_offline(argv[1], error);
    if (!capture) return std::fprintf(stderr, "%s\n", error), 1;
    Seen seen;
    int count = 0;
    while ((count = pcap_dispatch(capture, -1, touch, reinterpret_cast<u_char*>(&seen))) > 0) {
    }
    if (count < 0) std::fprintf(stderr, "%s\n", pcap_geterr(capture));
    pcap_close(capture);
    std::printf("%llu packets, %llu bytes, sum %llu\n", static_cast<unsigned long long>(seen.packets),
                static_cast<unsigned long long>(seen.bytes), static_cast<unsigned long long>(seen.sum));
    return count < 0;
}
