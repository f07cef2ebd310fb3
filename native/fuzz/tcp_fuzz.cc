// libFuzzer: segments of both sides in any order, with any numbers, flags and checksums. What is handed over is what
// was sent at that place (a byte tells its sequence number) or is marked, nothing follows the end, all memory comes
// back, and numbers that wrap change nothing.
#include <fuzzer/FuzzedDataProvider.h>

#include <string>
#include <vector>

#include "check.h"
#include "tcp_connection.h"

using namespace sniffer;
using sniffer::fuzz::check;

namespace {

constexpr uint64_t kMemory = 1 << 20;
constexpr int kMostSegments = 200;

struct Sent {
    int side;
    Segment segment;
    std::string data;
};

// Listens as HTTP would, and holds TCP to what it promises.
class Listener final : public StreamHandler {
 public:
    explicit Listener(bool exact) : exact_(exact) {}

    void on_data(int side, const Piece& piece) override {
        speaks(side);
        check(piece.size > 0, "a piece holds something");
        for (uint32_t i = 0; i < piece.size; ++i) follow(side, static_cast<uint8_t>(piece.data[i]), piece.conflicting);
        note(side, "data", piece.size);
    }
    void on_gap(int side, uint64_t bytes) override {
        speaks(side);
        check(bytes > 0, "a gap is one");
        next_[side] = static_cast<uint8_t>(next_[side] + bytes);
        note(side, "gap", bytes);
    }
    void on_fin(int side) override {
        speaks(side);
        finished_[side] = true;
        note(side, "fin", 0);
    }
    void on_disorder() override { note(0, "disorder", 0); }
    void on_conflict(int side) override { note(side, "conflict", 0); }
    void on_mistake(int side) override { note(side, "mistake", 0); }
    void on_midway(int side) override {
        known_[side] = false;
        note(side, "midway", 0);
    }
    void on_end(End end) override {
        check(!ended, "there is one end");
        ended = true;
        note(0, end_name(end), 0);
    }

    bool ended = false;
    std::string transcript;

 private:
    void speaks(int side) const {
        check(!ended, "nothing follows the end");
        check(!finished_[side], "nothing follows a FIN");
    }
    // Each byte is its sequence number's last one.
    void follow(int side, uint8_t byte, bool conflicting) {
        if (exact_ && known_[side] && !conflicting) check(byte == next_[side], "a byte stands where it was sent");
        next_[side] = static_cast<uint8_t>((known_[side] ? next_[side] : byte) + 1);
        known_[side] = true;
    }
    void note(int side, const char* what, uint64_t size) {
        transcript += std::to_string(side) + what + std::to_string(size) + "\n";
    }
    const bool exact_;  // every segment has the right bytes
    bool known_[2] = {}, finished_[2] = {};
    uint8_t next_[2] = {};
};

class NoRelief final : public MemoryRelief {
 public:
    bool relieve() override { return false; }
};

// The same segments, their numbers moved on by `shift`, which leaves a number's last byte.
std::string transcript_of(const std::vector<Sent>& sent, uint32_t shift, bool exact) {
    Budget budget(kMemory);
    Arena arena(budget);
    Ledger ledger;
    NoRelief relief;
    TcpContext context{arena, budget, ledger, relief, 256 << 10};
    Listener listener(exact);
    {
        TcpConnection connection(context, listener);
        Outcome outcome = Outcome::open;
        for (const Sent& each : sent) {
            Segment segment = each.segment;
            segment.seq += shift;
            segment.ack += shift;
            // In memory of exactly its size, so that a read beyond it is seen.
            const std::vector<uint8_t> memory(each.data.begin(), each.data.end());
            segment.data = memory.data();
            outcome = segment.length == 0 && segment.flags == 0
                          ? connection.on_time(segment.time)
                          : connection.on_segment(each.side, segment, segment.time);
            if (outcome == Outcome::reopen) break;
        }
        connection.finish(End::capture_end);
        check(listener.ended, "the end was told");
    }
    check(arena.in_use() == 0, "all chunks came back");
    return listener.transcript;
}

std::string bytes_at(uint32_t seq, uint32_t size) {
    std::string out;
    for (uint32_t i = 0; i < size; ++i) out += static_cast<char>(seq + i);
    return out;
}

// A segment near to where its side is.
Sent next_segment(FuzzedDataProvider& data, uint32_t (&next)[2], Nanos time, bool& exact) {
    constexpr uint8_t kFlags[] = {kAck,        kAck, kAck,        kAck, kAck | kPsh, kSyn, kSyn | kAck,
                                  kFin | kAck, kRst, kRst | kAck, 0};
    Sent out{data.ConsumeBool(), {}, {}};
    Segment& segment = out.segment;
    segment.time = time;
    segment.flags = data.PickValueInArray(kFlags);
    if (segment.flags == 0) return out;  // time passes alone
    const uint32_t me = next[out.side], other = next[1 - out.side];
    segment.seq = me + static_cast<uint32_t>(data.ConsumeBool() ? 0 : data.ConsumeIntegralInRange(-600, 600));
    segment.ack = segment.has(kAck)
                      ? other + static_cast<uint32_t>(data.ConsumeBool() ? 0 : data.ConsumeIntegralInRange(-600, 600))
                      : 0;
    segment.window = data.ConsumeIntegral<uint16_t>();
    if (segment.has(kSyn)) segment.window_scale = data.ConsumeIntegralInRange<int8_t>(-1, 14);
    segment.checksum = data.PickValueInArray({Checksum::valid, Checksum::valid, Checksum::valid, Checksum::invalid,
                                              Checksum::unfinished, Checksum::unknown});
    segment.length = data.ConsumeBool() ? 0 : data.ConsumeIntegralInRange<uint32_t>(0, 500);
    segment.captured =
        segment.length -
        (segment.checksum == Checksum::unknown ? data.ConsumeIntegralInRange<uint32_t>(0, segment.length) : 0);
    const uint32_t first = segment.seq + (segment.has(kSyn) ? 1 : 0);
    out.data = bytes_at(first, segment.captured);
    if (segment.captured > 0 && data.ConsumeIntegralInRange(0, 15) == 0) {
        out.data[0] = static_cast<char>(out.data[0] + 1);
        exact = false;
    }
    next[out.side] = first + segment.length + (segment.has(kFin) ? 1 : 0);
    return out;
}

// What the input means, for who sees a failure again.
void show(const std::vector<Sent>& sent, const std::string& plain, const std::string& wrapped) {
    for (const Sent& each : sent) {
        const Segment& s = each.segment;
        std::fprintf(stderr, "%d seq %u ack %u flags %x length %u captured %u checksum %d at %ld ms\n", each.side,
                     s.seq, s.ack, s.flags, s.length, s.captured, static_cast<int>(s.checksum), s.time / kMillisecond);
    }
    std::fprintf(stderr, "-- plain\n%s-- wrapped\n%s", plain.c_str(), wrapped.c_str());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    FuzzedDataProvider data(bytes, size);
    uint32_t next[2] = {1000, 5000};
    bool exact = true;
    std::vector<Sent> sent;
    Nanos time = kSecond;
    while (data.remaining_bytes() > 0 && sent.size() < kMostSegments) {
        sent.push_back(next_segment(data, next, time, exact));
        time += data.ConsumeIntegralInRange(0, 80) * kMillisecond;
    }
    const std::string plain = transcript_of(sent, 0, exact);
    const std::string wrapped = transcript_of(sent, 0xfffffc00 - 1000 / 256 * 256, exact);
    if (wrapped != plain) show(sent, plain, wrapped);
    check(wrapped == plain, "numbers that wrap change nothing");
    return 0;
}
