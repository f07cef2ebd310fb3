#include "recording_format.h"

#include <pcap/dlt.h>

namespace sniffer {
namespace {

constexpr uint32_t kPcapMagic = 0xa1b23c4d;  // nanoseconds
constexpr uint32_t kSectionHeader = 0x0a0d0d0a, kInterface = 1, kEnhancedPacket = 6, kStatistics = 5;
constexpr uint32_t kByteOrder = 0x1a2b3c4d;

template <typename T>
void put_raw(std::string& out, T value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void pad(std::string& out) { out.append((4 - out.size() % 4) % 4, '\0'); }

void option(std::string& out, uint16_t code, std::string_view value) {
    put_raw(out, code);
    put_raw(out, static_cast<uint16_t>(value.size()));
    out.append(value);
    pad(out);
}

template <typename T>
std::string_view raw(const T& value) {
    return {reinterpret_cast<const char*>(&value), sizeof value};
}

// The block's length stands before and behind it, so that files can be read backwards.
void block(std::string& out, uint32_t type, const std::string& body) {
    const uint32_t length = static_cast<uint32_t>(body.size() + 12);
    put_raw(out, type);
    put_raw(out, length);
    out += body;
    put_raw(out, length);
}

std::string section_header() {
    std::string body, out;
    put_raw(body, kByteOrder);
    put_raw(body, uint16_t{1});
    put_raw(body, uint16_t{0});
    put_raw(body, int64_t{-1});      // the section's length: not known
    option(body, 4, "tcp-sniffer");  // shb_userappl
    put_raw(body, uint32_t{0});
    block(out, kSectionHeader, body);
    return out;
}

std::string interface_description(const RecordingOrigin& origin) {
    std::string body, out;
    put_raw(body, static_cast<uint16_t>(origin.link_type));
    put_raw(body, uint16_t{0});
    put_raw(body, origin.snaplen);
    if (!origin.interface.empty()) option(body, 2, origin.interface);  // if_name
    if (!origin.host.empty()) option(body, 3, "on " + origin.host);    // if_description
    option(body, 9, std::string_view("\x09", 1));                      // if_tsresol: 10^-9 s
    if (!origin.filter.empty()) option(body, 11, std::string(1, '\0') + origin.filter.substr(0, 65000));  // if_filter
    put_raw(body, uint32_t{0});
    block(out, kInterface, body);
    return out;
}

uint32_t high(Nanos time) { return static_cast<uint32_t>(static_cast<uint64_t>(time) >> 32); }
uint32_t low(Nanos time) { return static_cast<uint32_t>(time); }

void enhanced_packet(const PcapRecord& record, const char* bytes, std::string& out) {
    const uint32_t padded = (record.captured + 3) & ~3u;
    const uint32_t head[7] = {kEnhancedPacket,    32 + padded,     0,          high(record.time()),
                              low(record.time()), record.captured, record.wire};
    out.append(raw(head));
    out.append(bytes, record.captured);
    pad(out);
    put_raw(out, 32 + padded);
}

}  // namespace

std::string RecordingFormat::header() const {
    if (pcapng_) return section_header() + interface_description(origin_);
    std::string out;
    put_raw(out, kPcapMagic);
    put_raw(out, uint16_t{2});
    put_raw(out, uint16_t{4});
    put_raw(out, uint64_t{0});  // time zone and accuracy: always 0
    put_raw(out, origin_.snaplen);
    put_raw(out, static_cast<uint32_t>(origin_.link_type));
    return out;
}

std::string_view RecordingFormat::packets(std::string_view records, std::string& buffer) const {
    if (!pcapng_) return records;
    buffer.clear();
    for (size_t at = 0; at < records.size();) {
        PcapRecord record;
        std::memcpy(&record, records.data() + at, sizeof record);
        enhanced_packet(record, records.data() + at + sizeof record, buffer);
        at += sizeof record + record.captured;
    }
    return buffer;
}

std::string RecordingFormat::trailer(const InterfaceStatistics& statistics) const {
    std::string body, out;
    if (!pcapng_) return out;
    put_raw(body, uint32_t{0});
    put_raw(body, high(statistics.last));
    put_raw(body, low(statistics.last));
    const uint32_t start[2] = {high(statistics.first), low(statistics.first)};
    const uint32_t end[2] = {high(statistics.last), low(statistics.last)};
    option(body, 2, raw(start));                // isb_starttime
    option(body, 3, raw(end));                  // isb_endtime
    option(body, 4, raw(statistics.received));  // isb_ifrecv
    option(body, 5, raw(statistics.dropped));   // isb_ifdrop
    put_raw(body, uint32_t{0});
    block(out, kStatistics, body);
    return out;
}

int file_link_type(int dlt) {
    constexpr int kRawOpenBsd = 14, kLinkTypeRaw = 101;
    return dlt == DLT_RAW || dlt == kRawOpenBsd ? kLinkTypeRaw : dlt;
}

}  // namespace sniffer
