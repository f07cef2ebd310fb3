// Which request a response answers: those of one connection are answered in their order (RFC 9112 section 9.3.2).
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "exchange.h"
#include "text.h"
#include "types.h"

namespace sniffer {

struct HttpContext;
struct MessageDraft;
struct ParsedHead;

// A request whose final response was not seen yet.
struct PendingRequest {
    Nanos began = 0, ended = -1;  // its first and last byte's packets; -1 while it goes on
    int64_t size = -1;            // of its body, once that is seen whole
    uint32_t exchange = 0;
    uint32_t reference_size = 0;
    Method method = Method::other;
    bool filtered = false, self_delivery = false;
};

// Requests that wait, oldest first, and behind each other in one text what the records of their answers say of them.
class RequestQueue {
 public:
    // The newest one. Its reference is what `write_reference(Text&)` appends.
    template <typename Write>
    PendingRequest& add(Write&& write_reference) {
        PendingRequest& request = requests_.emplace_back();
        const size_t before = references_.size();
        write_reference(references_);
        request.reference_size = static_cast<uint32_t>(references_.size() - before);
        return request;
    }
    // Forgets the oldest one.
    void pop();

    size_t size() const { return requests_.size() - first_; }
    size_t text_size() const { return references_.size() - first_reference_; }
    const PendingRequest& oldest() const { return requests_[first_]; }
    PendingRequest& newest() { return requests_.back(); }
    std::string_view oldest_reference() const {
        return references_.view().substr(first_reference_, oldest().reference_size);
    }
    uint64_t memory() const { return requests_.capacity() * sizeof(PendingRequest) + references_.capacity(); }
    void reset();

 private:
    void close_ranks();

    std::vector<PendingRequest> requests_;
    Text references_;
    size_t first_ = 0, first_reference_ = 0;  // what stands before was answered
};

// Numbers the exchanges of a connection, and gives each response its request as long as both directions are in step.
class Pairing {
 public:
    explicit Pairing(HttpContext& context) : context_(context) {}
    ~Pairing() { drop(); }
    Pairing(const Pairing&) = delete;
    Pairing& operator=(const Pairing&) = delete;

    // A request's head came; `request_line`: as the record has it. It waits for its response, where that did not come
    // before the head was whole. `may_queue`: behind others.
    void ask(const ParsedHead& head, std::string_view request_line, bool may_queue, MessageDraft& draft);
    // The request asked last ended; `size`: of its body, -1 where that was not seen whole.
    void end_request(Nanos time, int64_t size);
    // A response to the oldest request: copies what it takes from that. The final one ends the exchange.
    void answer(MessageDraft& draft);
    // A response to a request that was not seen; `early`: or whose head is not whole yet.
    void answer_unknown(MessageDraft& draft, bool early);

    // Whether a request waits, which is then asked for.
    bool waiting() const { return queue_ != nullptr; }
    uint64_t kept() const { return queue_ ? queue_->text_size() + queue_->size() * sizeof(PendingRequest) : 0; }
    const PendingRequest& oldest() const { return queue_->oldest(); }
    const PendingRequest& newest() const { return queue_->newest(); }

    bool in_step() const { return in_step_; }
    // No further request is waited for; those that wait are still answered.
    void stop() { in_step_ = answered_early_ = false; }
    // Nothing is known any more of who answers what.
    void forget() {
        stop();
        drop();
    }
    // The next request and the next response belong together again.
    void resume() {
        forget();
        in_step_ = true;
    }

 private:
    void pop();
    void drop();
    void charge();

    HttpContext& context_;
    std::unique_ptr<RequestQueue> queue_;  // none where nothing waits
    uint64_t charged_ = 0;
    uint32_t exchanges_ = 0;
    bool in_step_ = true;
    bool reading_ = false;         // the newest one's message is being read
    bool answered_early_ = false;  // the final response came before the request's head was whole
};

}  // namespace sniffer
