#include "ip_fragments.h"

#include <algorithm>
#include <cstring>

namespace sniffer {

Verdict FragmentTable::add(IpPacket& packet, Nanos now) {
    const uint32_t length = packet.payload.wire();
    if (length == 0 || packet.fragment_offset + uint64_t{length} > kMaxDatagram) return Verdict::malformed;
    if (packet.more_fragments && length % 8 != 0) return Verdict::malformed;

    const Place place = find(packet, now);
    Datagram& datagram = *place;
    if (datagram.given_up) return Verdict::fragment_lost;
    if (packet.payload.cut() || contradicts(datagram, packet)) {
        give_up(datagram);
        return Verdict::fragment_lost;
    }
    store(datagram, packet);
    if (!datagram.whole()) {
        make_room();
        return Verdict::fragment;
    }
    packet.protocol = datagram.protocol;
    bytes_ -= datagram.bytes.capacity();
    whole_ = std::move(datagram.bytes);
    places_.erase(datagram.key);
    datagrams_.erase(place);
    packet.payload = Cursor(whole_.data(), static_cast<uint32_t>(whole_.size()), 0);
    return Verdict::tcp;
}

FragmentTable::Place FragmentTable::find(const IpPacket& packet, Nanos now) {
    while (!datagrams_.empty() && now - datagrams_.front().since > kMaxAge) erase(datagrams_.begin());
    const Key key(packet.source.bytes, packet.destination.bytes, packet.fragment_id);
    if (const auto known = places_.find(key); known != places_.end()) return known->second;
    if (datagrams_.size() == kMaxDatagrams) erase(datagrams_.begin());
    datagrams_.emplace_back();
    datagrams_.back().key = key;
    datagrams_.back().since = now;
    return places_[key] = std::prev(datagrams_.end());
}

// Two ends, bytes beyond the end, or other bytes at the same place: nobody can tell what the
// receiver took (RFC 5722). Equal copies are harmless.
bool FragmentTable::contradicts(const Datagram& datagram, const IpPacket& packet) {
    const uint32_t from = packet.fragment_offset, to = from + packet.payload.wire();
    const uint32_t seen = datagram.parts.empty() ? 0 : datagram.parts.back().to;
    if (datagram.size != 0 && to > datagram.size) return true;
    if (!packet.more_fragments && (seen > to || (datagram.size != 0 && datagram.size != to))) return true;
    return std::any_of(datagram.parts.begin(), datagram.parts.end(), [&](const Part& part) {
        const uint32_t first = std::max(from, part.from), last = std::min(to, part.to);
        return first < last &&
               std::memcmp(datagram.bytes.data() + first, packet.payload.data() + (first - from), last - first) != 0;
    });
}

void FragmentTable::store(Datagram& datagram, const IpPacket& packet) {
    Part part{packet.fragment_offset, packet.fragment_offset + packet.payload.wire()};
    bytes_ -= datagram.bytes.capacity();
    if (datagram.bytes.size() < part.to) datagram.bytes.resize(part.to);
    bytes_ += datagram.bytes.capacity();
    std::memcpy(datagram.bytes.data() + part.from, packet.payload.data(), part.to - part.from);
    if (!packet.more_fragments) datagram.size = part.to;
    if (part.from == 0) datagram.protocol = packet.protocol;

    // The parts that it touches become one with it.
    std::vector<Part>& parts = datagram.parts;
    const auto first = std::lower_bound(parts.begin(), parts.end(), part.from,
                                        [](const Part& p, uint32_t from) { return p.to < from; });
    auto last = first;
    for (; last != parts.end() && last->from <= part.to; ++last)
        part = {std::min(part.from, last->from), std::max(part.to, last->to)};
    parts.insert(parts.erase(first, last), part);
}

void FragmentTable::give_up(Datagram& datagram) {
    bytes_ -= datagram.bytes.capacity();
    // Assigned `{}` would keep their memory.
    datagram.bytes = std::vector<uint8_t>();
    datagram.parts = std::vector<Part>();
    datagram.given_up = true;
}

void FragmentTable::erase(Place place) {
    bytes_ -= place->bytes.capacity();
    places_.erase(place->key);
    datagrams_.erase(place);
}

void FragmentTable::make_room() {
    while (bytes_ > max_bytes_) erase(datagrams_.begin());
}

}  // namespace sniffer
