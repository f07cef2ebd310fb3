// libFuzzer: a conversation in few segments and in many gives the same records, byte for byte, whatever the two sides
// say to each other.
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <string>
#include <vector>

#include "http_run.h"

using namespace sniffer;
using namespace sniffer::fuzz;

namespace {

constexpr int kMostTurns = 12;

struct Turn {
    int side;
    std::string bytes;
};

Config make_config(FuzzedDataProvider& data) {
    Config config;
    config.max_head = data.ConsumeIntegralInRange<uint64_t>(64, 4096);
    config.max_body = data.ConsumeIntegralInRange<uint64_t>(0, 4096);
    config.max_record = 16384;
    return config;
}

struct Reading {
    std::vector<std::string> records;
    bool not_http;
};

Reading read(const Config& config, const std::vector<Turn>& turns, size_t piece, bool closed) {
    HttpRun run(config);
    for (const Turn& turn : turns) run.say(turn.side, turn.bytes, piece);
    if (closed)
        for (int side : {kServer, kClient}) run.close(side);
    const std::vector<std::string> records = run.finish(closed ? End::fin : End::capture_end);
    return {records, run.not_http()};
}

// What is not HTTP is told by the first segment's bytes: known protocols are passed over for good, in others a message
// is looked for at each turn. So where it was not HTTP, segments count.
void same(const Reading& whole, const Reading& pieces) {
    if (whole.not_http || pieces.not_http) return;
    const std::vector<std::string>&a = whole.records, &b = pieces.records;
    for (size_t i = 0; i < std::max(a.size(), b.size()) && a != b; ++i)
        std::fprintf(stderr, "at once:   %sin pieces: %s", i < a.size() ? a[i].c_str() : "nothing\n",
                     i < b.size() ? b[i].c_str() : "nothing\n");
    check(a == b, "in pieces the records are the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    FuzzedDataProvider data(bytes, size);
    const Config config = make_config(data);
    const bool closed = data.ConsumeBool();
    const auto piece = data.ConsumeIntegralInRange<size_t>(1, 64);
    std::vector<Turn> turns;
    for (int side = kClient; data.remaining_bytes() > 0 && turns.size() < kMostTurns; side = 1 - side)
        turns.push_back({side, data.ConsumeRandomLengthString(2048)});
    const Reading whole = read(config, turns, SIZE_MAX, closed);
    same(whole, read(config, turns, piece, closed));
    same(whole, read(config, turns, 1, closed));
    return 0;
}
