// Packets built by hand, layer by layer, and capture files made of them by libpcap.
#pragma once

#include <pcap/pcap.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace sniffer::test {

using Bytes = std::string;

// An integer of `size` bytes in network order.
inline Bytes number(uint64_t value, int size) {
    Bytes out;
    for (int shift = 8 * (size - 1); shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
    return out;
}
inline Bytes zeros(size_t size) { return Bytes(size, '\0'); }

// The Internet checksum, the slow and obvious way (RFC 1071).
inline uint16_t internet_checksum(Bytes bytes) {
    if (bytes.size() % 2) bytes += '\0';
    uint32_t sum = 0;
    for (size_t i = 0; i < bytes.size(); i += 2)
        sum += static_cast<uint8_t>(bytes[i]) * 256u + static_cast<uint8_t>(bytes[i + 1]);
    while (sum >> 16) sum = (sum >> 16) + (sum & 0xffff);
    return static_cast<uint16_t>(~sum);
}

inline const Bytes kClient4("\x0a\0\0\x02", 4), kServer4("\x0a\0\0\x01", 4);
inline const Bytes kClient6 = "\x20\x01\x0d\xb8" + zeros(11) + "\x02",
                   kServer6 = "\x20\x01\x0d\xb8" + zeros(11) + "\x01";

struct Tcp {
    uint16_t source = 40000, destination = 8080;
    uint32_t seq = 1000, ack = 2000;
    uint8_t flags = 0x18;  // PSH, ACK
    uint16_t window = 512;
    Bytes options = {};
    Bytes data = "hello";

    // With the checksum for these addresses; `adrift` is added to it.
    Bytes bytes(const Bytes& from, const Bytes& to, int adrift = 0) const {
        const Bytes padded = options + zeros((4 - options.size() % 4) % 4);
        const Bytes head = number(source, 2) + number(destination, 2) + number(seq, 4) + number(ack, 4) +
                           number((5 + padded.size() / 4) << 4, 1) + number(flags, 1) + number(window, 2);
        const Bytes tail = number(0, 2) + padded + data;
        const Bytes pseudo = from + to + number(head.size() + 2 + tail.size(), 4) + number(6, 4);
        return head + number(internet_checksum(pseudo + head + number(0, 2) + tail) + adrift, 2) + tail;
    }
    Bytes v4() const { return bytes(kClient4, kServer4); }
    Bytes v6() const { return bytes(kClient6, kServer6); }
};

struct Ipv4 {
    uint8_t protocol = 6;
    uint16_t id = 1;
    uint16_t fragment = 0;  // flags and offset, as in the header
    Bytes options = {};
    int total_length = -1;  // -1: the right one

    Bytes bytes(const Bytes& payload) const {
        const size_t header = 20 + options.size();
        const size_t length = total_length < 0 ? header + payload.size() : static_cast<size_t>(total_length);
        return number(0x40 + header / 4, 1) + zeros(1) + number(length, 2) + number(id, 2) + number(fragment, 2) +
               number(64, 1) + number(protocol, 1) + zeros(2) + kClient4 + kServer4 + options + payload;
    }
};

struct Ipv6 {
    uint8_t next = 6;
    int payload_length = -1;  // -1: the right one

    Bytes bytes(const Bytes& payload) const {
        const size_t length = payload_length < 0 ? payload.size() : static_cast<size_t>(payload_length);
        return "\x60" + zeros(3) + number(length, 2) + number(next, 1) + "\x40" + kClient6 + kServer6 + payload;
    }
};

inline Bytes ethernet(uint16_t type, const Bytes& payload) { return zeros(12) + number(type, 2) + payload; }
// One VLAN tag's 4 bytes behind a type of 0x8100: what stands between that and the payload.
inline Bytes vlan_tag(uint16_t inner_type, uint16_t id = 7) { return number(id, 2) + number(inner_type, 2); }
inline Bytes cooked_v1(uint16_t protocol, const Bytes& payload, uint16_t packet_type = 0, uint16_t hardware = 1) {
    return number(packet_type, 2) + number(hardware, 2) + number(6, 2) + zeros(8) + number(protocol, 2) + payload;
}
inline Bytes cooked_v2(uint16_t protocol, const Bytes& payload, uint8_t packet_type = 0, uint16_t hardware = 1) {
    return number(protocol, 2) + zeros(2) + number(3, 4) + number(hardware, 2) + number(packet_type, 1) + number(6, 1) +
           zeros(8) + payload;
}

struct Packet {
    Bytes bytes;
    int64_t nanos = 1'700'000'000'000'000'000;
    uint32_t wire = 0;  // 0: nothing was cut
};

// A file that goes away with this object.
class TemporaryFile {
 public:
    explicit TemporaryFile(const Bytes& content = {}) {
        const char* folder = std::getenv("TMPDIR");
        path_ = std::string(folder ? folder : "/tmp") + "/sniffer-test-XXXXXX";
        const int fd = mkstemp(path_.data());
        if (fd < 0 || write(fd, content.data(), content.size()) != static_cast<ssize_t>(content.size()))
            throw std::runtime_error("no temporary file " + path_);
        close(fd);
    }
    ~TemporaryFile() { unlink(path_.c_str()); }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    const std::string& path() const { return path_; }

 private:
    std::string path_;
};

// A capture file's bytes: pcap with nanoseconds.
inline Bytes capture(int link_type, const std::vector<Packet>& packets) {
    char* memory = nullptr;
    size_t size = 0;
    FILE* stream = open_memstream(&memory, &size);
    pcap_t* handle = pcap_open_dead_with_tstamp_precision(link_type, 262144, PCAP_TSTAMP_PRECISION_NANO);
    pcap_dumper_t* dumper = pcap_dump_fopen(handle, stream);
    for (const Packet& packet : packets) {
        pcap_pkthdr header{};
        header.ts.tv_sec = packet.nanos / 1'000'000'000;
        header.ts.tv_usec = packet.nanos % 1'000'000'000;
        header.caplen = static_cast<uint32_t>(packet.bytes.size());
        header.len = packet.wire ? packet.wire : header.caplen;
        pcap_dump(reinterpret_cast<u_char*>(dumper), &header, reinterpret_cast<const u_char*>(packet.bytes.data()));
    }
    pcap_dump_close(dumper);
    pcap_close(handle);
    const Bytes out(memory, size);
    std::free(memory);
    return out;
}

}  // namespace sniffer::test
