#include "pcap_records.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sniffer {
namespace {

// draft-ietf-opsawg-pcap section 4: the file's header.
struct FileHeader {
    uint32_t magic;
    uint16_t major, minor;
    uint32_t reserved[2], snap_length, link_type;
};
static_assert(sizeof(FileHeader) == 24);
constexpr uint32_t kMicroseconds = 0xa1b2c3d4, kNanoseconds = 0xa1b23c4d;

// Section 5: what stands before each packet.
struct RecordHeader {
    int32_t seconds, fraction;
    uint32_t captured, wire;
};
static_assert(sizeof(RecordHeader) == 16);

constexpr size_t kMostCaptured = 262144;  // libpcap's own limit
constexpr size_t kRead = 128 << 10;       // at a time: fits the cache beside what is made of it
// What is left when more is read is less than a whole record.
constexpr size_t kBuffer = kRead + sizeof(RecordHeader) + kMostCaptured;

ssize_t read_some(int fd, void* to, size_t size) {
    ssize_t got;
    do got = read(fd, to, size);
    while (got < 0 && errno == EINTR);
    return got;
}

}  // namespace

std::unique_ptr<PcapRecords> PcapRecords::open(FILE* stream) {
    FileHeader header;
    const off_t begin = ftello(stream);
    if (begin < 0 || pread(fileno(stream), &header, sizeof header, begin) != sizeof header) return nullptr;
    if (header.magic != kMicroseconds && header.magic != kNanoseconds) return nullptr;
    if (header.major != PCAP_VERSION_MAJOR || header.minor != PCAP_VERSION_MINOR) return nullptr;
    return std::unique_ptr<PcapRecords>(
        new PcapRecords(stream, begin + static_cast<off_t>(sizeof header), header.magic == kNanoseconds));
}

PcapRecords::PcapRecords(FILE* stream, off_t begin, bool nanos)
    : stream_(stream), offset_(begin), units_(nanos ? 1 : 1000), buffer_(new uint8_t[kBuffer]) {}

void PcapRecords::start(int snap_length) {
    snap_length_ = static_cast<uint32_t>(snap_length);
    lseek(fileno(stream_), offset_, SEEK_SET);
}

bool PcapRecords::next(pcap_pkthdr& header, const uint8_t*& packet) {
    RecordHeader record;
    if (!have(sizeof record)) return give_back();
    std::memcpy(&record, buffer_.get() + position_, sizeof record);
    if (record.captured > snap_length_ || record.captured > kMostCaptured) return give_back();
    if (!have(sizeof record + record.captured)) return give_back();
    header.ts.tv_sec = record.seconds;
    header.ts.tv_usec = record.fraction * units_;
    header.caplen = record.captured;
    header.len = record.wire;
    packet = buffer_.get() + position_ + sizeof record;
    position_ += sizeof record + record.captured;
    return true;
}

// Appends what comes next in the file; false where that is nothing.
bool PcapRecords::refill() {
    std::memmove(buffer_.get(), buffer_.get() + position_, filled_ - position_);
    filled_ -= position_;
    offset_ += static_cast<off_t>(position_);
    position_ = 0;
    const ssize_t got = read_some(fileno(stream_), buffer_.get() + filled_, kRead);
    if (got > 0) filled_ += static_cast<size_t>(got);
    return got > 0;
}

bool PcapRecords::give_back() {
    fseeko(stream_, offset_ + static_cast<off_t>(position_), SEEK_SET);
    return false;
}

}  // namespace sniffer
