// What all connections' HTTP shares, and whom it speaks to.
#pragma once

#include <string_view>

#include "arena.h"
#include "config.h"
#include "exchange.h"
#include "http_message.h"
#include "http_pairing.h"
#include "ledger.h"
#include "pool.h"
#include "record.h"

namespace sniffer {

// What HTTP says to the engine.
class HttpHandler {
 public:
    virtual ~HttpHandler() = default;
    virtual void on_message(const Message& message, bool self_delivery) = 0;
    // A final response, which is reported, ended.
    virtual void on_exchange(const Endpoint& receiver, const Endpoint& destination, const Exchange& exchange) = 0;
    // Once per connection: what the first bytes were, where they were not HTTP.
    virtual void on_not_http(const Endpoint& receiver, const Endpoint& destination, std::string_view bytes) = 0;
    virtual void on_tunnel(const Endpoint& receiver, const Endpoint& destination, std::string_view how) = 0;
    // Bytes of this direction were never seen.
    virtual void on_missing(const Endpoint& receiver, const Endpoint& destination, bool request, uint64_t bytes) = 0;
    // What follows is no message: it is passed over until a segment begins like one.
    virtual void on_lost_sync(const Endpoint& receiver, const Endpoint& destination, bool request) = 0;
};

struct HttpContext {
    const Config& config;
    RecordEncoder& encoder;
    Arena& arena;
    Budget& budget;
    Ledger& ledger;
    HttpHandler& handler;
    HeadScratch scratch;
    Pool<MessageDraft> drafts;
    Pool<RequestQueue> queues;
    int64_t open_exchanges = 0;      // messages that are being read, and requests without an answer
    MemoryRelief* relief = nullptr;  // none: what there is no room for is cut
};

}  // namespace sniffer
