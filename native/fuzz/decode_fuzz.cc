// libFuzzer: packets of every link type, one after the other: fragments meet what came before.
#include <pcap/pcap.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "decode.h"

namespace {

using namespace sniffer;

constexpr int kLinkTypes[] = {DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_RAW,
                              DLT_IPV4,   DLT_IPV6,      DLT_NULL,       DLT_LOOP};

void check(bool holds) {
    if (!holds) std::abort();
}

// What the later stages rely on; every byte of the payload can be read.
void check_segment(const Segment& segment) {
    check(segment.captured <= segment.length);
    check(segment.window_scale >= -1 && segment.window_scale <= 14);
    check(segment.captured == segment.length || segment.checksum == Checksum::unknown);
    volatile uint8_t sum = 0;
    for (uint32_t i = 0; i < segment.captured; ++i) sum = static_cast<uint8_t>(sum + segment.data[i]);
}

}  // namespace

// Input: the link type, then packets: 2 bytes of length, 1 of what the snap length cut, the bytes.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    Decoder decoder(kLinkTypes[data[0] % std::size(kLinkTypes)]);
    const uint8_t* at = data + 1;
    const uint8_t* const end = data + size;
    for (Nanos time = 0; end - at >= 3; time += kSecond) {
        const auto room = static_cast<size_t>(end - at - 3);
        const size_t length = std::min<size_t>(static_cast<size_t>(at[0] << 8 | at[1]), room);
        // In memory of exactly its size, so that a read beyond it is seen.
        const std::unique_ptr<uint8_t[]> packet(new uint8_t[length]);
        std::copy_n(at + 3, length, packet.get());
        pcap_pkthdr header{};
        header.caplen = static_cast<uint32_t>(length);
        header.len = header.caplen + at[2];
        Segment segment;
        if (decoder.decode(header, packet.get(), time, segment) == Verdict::tcp) check_segment(segment);
        at += 3 + length;
    }
    return 0;
}
