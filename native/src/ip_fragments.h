// Fragments until their datagram is whole (RFC 791 section 3.2, RFC 8200 section 4.5).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <list>
#include <map>
#include <tuple>
#include <vector>

#include "ip_header.h"

namespace sniffer {

// Bounded: the oldest datagram makes room for a new one.
class FragmentTable {
 public:
    static constexpr size_t kMaxDatagrams = 1024;
    static constexpr size_t kMaxBytes = 4 << 20;
    static constexpr Nanos kMaxAge = 30 * kSecond;
    static constexpr uint32_t kMaxDatagram = 65535;

    // At most `bytes` of datagrams from now on.
    void limit(size_t bytes) { max_bytes_ = std::min(bytes, kMaxBytes); }

    // Verdict::tcp: the datagram is whole, and packet.payload is all of it, valid until the next
    // call. Else what became of the fragment.
    Verdict add(IpPacket& packet, Nanos now);

    size_t datagrams() const { return datagrams_.size(); }
    size_t bytes() const { return bytes_; }

 private:
    using Key = std::tuple<std::array<uint8_t, 16>, std::array<uint8_t, 16>, uint32_t>;
    struct Part {
        uint32_t from, to;
    };
    struct Datagram {
        Key key;
        Nanos since = 0;
        std::vector<uint8_t> bytes;
        std::vector<Part> parts;  // what is there: in order, apart from each other
        uint32_t size = 0;        // known once the last fragment is there
        uint8_t protocol = 0;     // of the first fragment
        // Its later fragments are not the start of a new datagram.
        bool given_up = false;
        bool whole() const { return size != 0 && parts.size() == 1 && parts[0].from == 0 && parts[0].to == size; }
    };
    using Place = std::list<Datagram>::iterator;

    Place find(const IpPacket& packet, Nanos now);
    static bool contradicts(const Datagram& datagram, const IpPacket& packet);
    void store(Datagram& datagram, const IpPacket& packet);
    void give_up(Datagram& datagram);
    void erase(Place place);
    void make_room();

    std::list<Datagram> datagrams_;  // oldest first
    std::map<Key, Place> places_;
    size_t bytes_ = 0, max_bytes_ = kMaxBytes;
    std::vector<uint8_t> whole_;
};

}  // namespace sniffer
