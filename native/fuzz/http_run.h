// One connection's HTTP, fed by hand: both sides' bytes in, the records as lines out.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "check.h"
#include "http_connection.h"

namespace sniffer::fuzz {

constexpr int kClient = 0, kServer = 1;

class HttpRun final : private HttpHandler {
 public:
    explicit HttpRun(const Config& config) : config_(config) {}
    HttpRun(const HttpRun&) = delete;
    HttpRun& operator=(const HttpRun&) = delete;

    // A side speaks after the other one heard all; `piece` bytes at a time, as segments would carry them.
    void say(int side, std::string_view bytes, size_t piece = SIZE_MAX) {
        for (bool first = true; !bytes.empty(); first = false) {
            const std::string_view part = bytes.substr(0, std::max<size_t>(piece, 1));
            // In memory of exactly its size, so that a read beyond it is seen.
            const std::vector<char> memory(part.begin(), part.end());
            connection_.on_data(side,
                                {memory.data(), static_cast<uint32_t>(memory.size()), time_, true, false, first, 0});
            bytes.remove_prefix(part.size());
        }
    }
    void close(int side) { connection_.on_fin(side); }
    // Nothing more comes.
    const std::vector<std::string>& finish(End end = End::capture_end) {
        connection_.on_end(end);
        check(context_.open_exchanges == 0, "nothing stays open at the end");
        return lines_;
    }

    bool not_http() const { return not_http_; }

 private:
    void on_message(const Message& message, bool) override {
        encoder_.encode(message, line_);
        lines_.emplace_back(line_.data(), line_.size());
    }
    void on_exchange(const Endpoint&, const Endpoint&, const Exchange&) override {}
    void on_not_http(const Endpoint&, const Endpoint&, std::string_view) override { not_http_ = true; }
    void on_tunnel(const Endpoint&, const Endpoint&, std::string_view) override {}
    void on_missing(const Endpoint&, const Endpoint&, bool, uint64_t) override {}
    void on_lost_sync(const Endpoint&, const Endpoint&, bool) override {}

    const Config& config_;
    RecordEncoder encoder_{config_};
    Budget budget_{64 << 20};
    Arena arena_{budget_};
    Ledger ledger_;
    HttpContext context_{config_, encoder_, arena_, budget_, ledger_, *this, {}, {}, {}, 0};
    const Endpoint ends_[2] = {{{}, 40000}, {{}, 80}};
    HttpConnection connection_{context_, ends_, {}, kClient};
    const Nanos time_ = kSecond;
    bool not_http_ = false;
    Text line_;
    std::vector<std::string> lines_;
};

}  // namespace sniffer::fuzz
