#include "http_pairing.h"

#include <cstring>
#include <utility>

#include "http_context.h"

namespace sniffer {
namespace {

// Of one connection's requests without an answer.
constexpr size_t kMostPending = 1024;
constexpr size_t kMostText = 1 << 20;

}  // namespace

// --- the queue ---

void RequestQueue::pop() {
    first_reference_ += oldest().reference_size;
    ++first_;
    if (first_reference_ >= kKeptMemory && first_reference_ * 2 >= references_.size()) close_ranks();
}

// No more is moved than was answered before: a request costs the same however many wait.
void RequestQueue::close_ranks() {
    requests_.erase(requests_.begin(), requests_.begin() + static_cast<ptrdiff_t>(first_));
    const std::string_view rest = references_.view().substr(first_reference_);
    if (!rest.empty()) std::memmove(references_.data(), rest.data(), rest.size());
    references_.cut(rest.size());
    first_ = first_reference_ = 0;
}

void RequestQueue::reset() {
    if (requests_.capacity() * sizeof(PendingRequest) > kKeptMemory)
        requests_ = {};
    else
        requests_.clear();
    reset_text(references_);
    first_ = first_reference_ = 0;
}

// --- pairing ---

void Pairing::ask(const ParsedHead& head, std::string_view request_line, bool may_queue, MessageDraft& draft) {
    draft.exchange = exchanges_++;
    const bool answered = std::exchange(answered_early_, false);
    if (!in_step_ || answered) return;
    if (queue_ && (!may_queue || queue_->size() >= kMostPending || queue_->text_size() >= kMostText)) {
        context_.ledger.streams.pipeline_full.add();
        return stop();
    }
    if (!queue_) queue_ = context_.queues.get();
    PendingRequest& request = queue_->add([&](Text& references) {
        context_.encoder.encode_request_reference(head.head, request_line, context_.config.max_record / 4, references);
    });
    request.exchange = draft.exchange;
    request.began = draft.timestamp;
    request.method = method_of(head.head.method);
    request.filtered = draft.filtered;
    request.self_delivery = draft.self_delivery;
    reading_ = true;
    charge();
    ++context_.open_exchanges;
}

void Pairing::end_request(Nanos time, int64_t size) {
    if (!std::exchange(reading_, false)) return;
    queue_->newest().ended = time;
    queue_->newest().size = size;
}

void Pairing::answer(MessageDraft& draft) {
    const PendingRequest& request = oldest();
    draft.exchange = request.exchange;
    draft.request_json.append(queue_->oldest_reference());
    if (request.ended >= 0 && draft.timestamp >= request.ended) draft.latency = draft.timestamp - request.ended;
    draft.filtered = request.filtered;
    draft.self_delivery |= request.self_delivery;
    draft.asked = request.began;
    draft.counted.method = request.method;
    draft.counted.latency = draft.latency;
    draft.counted.request_size = request.size;
    if (!draft.interim) pop();
}

void Pairing::answer_unknown(MessageDraft& draft, bool early) {
    draft.exchange = exchanges_;
    if (early)
        answered_early_ = !draft.interim;
    else if (!draft.interim)
        ++exchanges_;
}

void Pairing::pop() {
    if (queue_->size() == 1) return drop();
    queue_->pop();
    --context_.open_exchanges;
}

void Pairing::drop() {
    reading_ = false;
    if (!queue_) return;
    context_.open_exchanges -= static_cast<int64_t>(queue_->size());
    context_.budget.give(std::exchange(charged_, 0));
    context_.queues.put(std::move(queue_));
}

void Pairing::charge() {
    const uint64_t now = queue_->memory();
    if (now > charged_) context_.budget.force(now - charged_);
    charged_ = now;
}

}  // namespace sniffer
