#include "connection_lists.h"

namespace sniffer {
namespace {

Connection* oldest_but(const UseList& list, const Connection* one) {
    Connection* oldest = list.oldest();
    return oldest && oldest == one ? oldest->use.after : oldest;
}

}  // namespace

void ConnectionLists::add(Connection* connection) {
    list(connection->stage).add(connection);
    ++counts_[static_cast<size_t>(connection->stage)];
}

void ConnectionLists::remove(Connection* connection) {
    list(connection->stage).remove(connection);
    --counts_[static_cast<size_t>(connection->stage)];
}

void ConnectionLists::move(Connection* connection, Stage stage) {
    remove(connection);
    connection->stage = stage;
    add(connection);
}

void ConnectionLists::close(Connection* connection) { move(connection, Stage::closed); }

Connection* ConnectionLists::least_closed(const Connection* current) const {
    return oldest_but(list(Stage::closed), current);
}

Connection* ConnectionLists::least_open(const Connection* current) const {
    Connection *begun = oldest_but(list(Stage::begun), current),
               *established = oldest_but(list(Stage::established), current);
    if (!begun || !established) return begun ? begun : established;
    return 4 * count(Stage::begun) > open() ? begun : established;
}

}  // namespace sniffer
