// Things worth a log line, as JSON lines: a bounded list that the reader empties now and then.
#pragma once

#include <array>
#include <mutex>
#include <string>
#include <string_view>

#include "ledger.h"
#include "types.h"

namespace sniffer {

class Events {
 public:
    explicit Events(Ledger& ledger) : ledger_(ledger) {}

    // Builds one line; it is kept when add() ends it, unless too many of its kind wait already.
    class Line {
     public:
        explicit Line(std::string_view event);
        Line& text(std::string_view key, std::string_view value);  // any bytes: made printable
        Line& number(std::string_view key, uint64_t value);
        Line& ends(const Endpoint& receiver, const Endpoint& destination);
        std::string_view event() const { return event_; }
        std::string finish() const { return json_ + "}\n"; }

     private:
        std::string_view event_;
        std::string json_;
    };
    void add(const Line& line);
    // Whether a line of this kind would not be kept; it counts as withheld then. Spares its making, which in a flood
    // costs more than all else.
    bool withhold(std::string_view event);
    // Whole lines only, and behind them {"event": "withheld", "kind", "lines"} for each kind of which some were not
    // kept since it was told last.
    size_t read(char* buffer, size_t capacity);

 private:
    static constexpr size_t kMostWaiting = 64 << 10;  // bytes
    static constexpr size_t kMostOfAKind = 20;
    struct Kind {
        std::string name;
        size_t waiting = 0;
        uint64_t withheld = 0;
    };
    Kind& kind_of(std::string_view event);
    void withhold(Kind& kind);
    void tell_withheld();

    Ledger& ledger_;
    std::mutex mutex_;
    std::string lines_;
    std::array<Kind, 16> kinds_;  // the last one takes all that are more
};

}  // namespace sniffer
