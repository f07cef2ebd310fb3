// The connections by how far they have come, each list least recently used first.
#pragma once

#include <array>
#include <cstdint>

#include "connection.h"

namespace sniffer {

class ConnectionLists {
 public:
    // A new one.
    void add(Connection* connection);
    // A packet of it came.
    void use(Connection* connection) {
        if (connection->stage == Stage::begun && connection->both_spoke())
            move(connection, Stage::established);
        else
            list(connection->stage).touch(connection);
    }
    void close(Connection* connection);
    void remove(Connection* connection);

    uint64_t open() const { return count(Stage::begun) + count(Stage::established); }
    uint64_t closed() const { return count(Stage::closed); }
    Connection* oldest_closed() const { return list(Stage::closed).oldest(); }
    // Of those that are open the one that was not used for longest.
    Connection* oldest_open() const {
        Connection *begun = list(Stage::begun).oldest(), *established = list(Stage::established).oldest();
        if (!begun || !established) return begun ? begun : established;
        return begun->last < established->last ? begun : established;
    }
    // Which one is given up first, but for `current`. Of the open ones those that have only begun, as long as they are
    // more than a quarter: anybody can begin any number, in the name of others too.
    Connection* least_closed(const Connection* current) const;
    Connection* least_open(const Connection* current) const;
    // For each that is open; `visit` may remove it.
    template <typename Visit>
    void each_open(Visit visit) const {
        for (const Stage stage : {Stage::begun, Stage::established}) {
            for (Connection *c = list(stage).oldest(), *next = nullptr; c; c = next) {
                next = c->use.after;
                visit(c);
            }
        }
    }

 private:
    void move(Connection* connection, Stage stage);
    const UseList& list(Stage stage) const { return lists_[static_cast<size_t>(stage)]; }
    UseList& list(Stage stage) { return lists_[static_cast<size_t>(stage)]; }
    uint64_t count(Stage stage) const { return counts_[static_cast<size_t>(stage)]; }

    std::array<UseList, 3> lists_;
    std::array<uint64_t, 3> counts_{};
};

}  // namespace sniffer
