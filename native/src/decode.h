// Link and network layers: one captured packet in, one TCP segment out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "types.h"

struct pcap_pkthdr;

namespace sniffer {

enum TcpFlag : uint8_t { kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16 };

// `unknown`: it can't be checked, because the snap length cut the packet or a fragment is missing.
enum class Checksum : uint8_t {
    valid,
    invalid,
    unfinished,  // the sum of the pseudo header alone: an offloading card is to make it
    unknown,     // not all of the segment was captured
};

// A TCP segment; `data` points into the packet (or into the fragment buffer) and is valid until
// the next packet. One is used for all packets: parse_tcp() sets every field but the last two.
struct Segment {
    Endpoint source, destination;
    uint32_t seq = 0, ack = 0;
    uint8_t flags = 0;
    uint16_t window = 0;
    int8_t window_scale = -1;  // of a SYN's option; -1 where there is none
    Checksum checksum = Checksum::unknown;
    const uint8_t* data = nullptr;
    uint32_t captured = 0;  // bytes at `data`
    uint32_t length = 0;    // bytes the segment had on the wire, at least `captured`
    Nanos time = 0;
    uint64_t number = 0;  // in the recording; 0: it is not there

    bool has(TcpFlag flag) const { return flags & flag; }
};

class FragmentTable;
struct IpPacket;

// What became of a packet: each value but `tcp` is a reason in the ledger.
enum class Verdict : uint8_t {
    tcp,
    not_ip,         // ARP, LLDP, ...
    not_tcp,        // IP with another protocol
    malformed,      // lengths that contradict each other, or headers cut by the snap length
    fragment,       // kept until its datagram is whole
    fragment_lost,  // a fragment given up: it conflicts, its datagram is too old or there are too many
    loopback_copy,  // the outgoing copy of a packet on `lo`, seen on the interface `any`
};

class Decoder {
 public:
    // `link_type` is libpcap's DLT_ value.
    explicit Decoder(int link_type);
    ~Decoder();
    static bool supports(int link_type);
    // Several files may follow each other with other link types.
    void set_link_type(int link_type);
    // The most bytes that fragments may hold from now on (at first, and at most: 4 MiB).
    void limit_fragments(size_t bytes);
    // `nanos` is the packet's time. On Verdict::tcp `out` is filled.
    Verdict decode(const pcap_pkthdr& header, const uint8_t* packet, Nanos nanos, Segment& out);
    // The same up to the network layer: `out` is filled on Verdict::tcp, and on Verdict::not_tcp too.
    Verdict decode_ip(const pcap_pkthdr& header, const uint8_t* packet, Nanos nanos, IpPacket& out);

 private:
    Verdict reassemble(IpPacket& packet, Nanos nanos);
    int link_type_;
    std::unique_ptr<FragmentTable> fragments_;
};

}  // namespace sniffer
