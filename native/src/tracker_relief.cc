// What gives way where memory ends.
#include <array>
#include <bit>

#include "tracker.h"

namespace sniffer {
namespace {

size_t width(uint64_t bytes) { return static_cast<size_t>(std::bit_width(bytes)); }

}  // namespace

bool Tracker::relieve() {
    if (relieving_) return false;  // what ends to make room takes none
    relieving_ = true;
    const bool freed = tcp_.arena.release() || drop_closed() || end_largest() || end_least();
    relieving_ = false;
    return freed;
}

bool Tracker::drop_closed() {
    Connection* victim = connections_.least_closed(current_);
    if (victim) drop(victim);
    return victim != nullptr;
}

bool Tracker::end_least() {
    Connection* victim = connections_.least_open(current_);
    if (victim) end_for_memory(victim);
    return victim != nullptr;
}

// Of the connections that keep more than their share the largest, until a sixteenth of the memory is free.
bool Tracker::end_largest() {
    if (ledger_.connections.memory.get() < search_again_) return false;
    const auto too_much = [&](const Connection* connection) {  // bytes; 0 where it is not
        const uint64_t kept = connection == current_ ? 0 : connection->kept();
        return kept > budget_.share() ? kept : 0;
    };
    std::array<uint64_t, 65> by_width{};
    connections_.each_open([&](const Connection* connection) {
        const uint64_t bytes = too_much(connection);
        by_width[width(bytes)] += bytes;
    });
    uint64_t sum = 0;
    size_t least = by_width.size();
    while (least > 1 && sum < budget_.limit() / 16) sum += by_width[--least];
    if (sum == 0) {  // looking at all of them again and again costs too much
        search_again_ = ledger_.connections.memory.get() + connections_.open() / 16;
        return false;
    }
    connections_.each_open([&](Connection* connection) {
        if (width(too_much(connection)) >= least) end_for_memory(connection);
    });
    return true;
}

void Tracker::end_for_memory(Connection* connection) {
    end(connection, End::memory);
    drop(connection);
}

}  // namespace sniffer
