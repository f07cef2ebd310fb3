#include "ring.h"

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "error.h"

namespace sniffer {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kUsualBatch = 256 << 10, kMostBatch = 1 << 20;
constexpr size_t kLeastBatch = 64 << 10;  // where more would be in the largest record's way
constexpr size_t kBatchesBeside = 6;      // the largest record
static_assert(kBatchesBeside * kLeastBatch <= Ring::kBesideTheLargest);
constexpr size_t kMostSpare = 2;        // batches: more are of a moment when the reader was late
constexpr size_t kLentRoom = 32 << 10;  // or a quarter of a batch

// Each hand-over costs the reader some 30 us of CPU, so a batch is large, where the limit leaves room for many, and for
// the largest record beside those that the reader holds and the one before it.
size_t batch_size(uint64_t limit, uint64_t largest) {
    const uint64_t beside = (limit - std::min(limit, largest)) / kBatchesBeside;
    const uint64_t wanted = std::clamp<uint64_t>(limit / 16, kUsualBatch, kMostBatch);
    return std::max<uint64_t>(std::min(wanted, beside), kLeastBatch) / kPage * kPage;
}

}  // namespace

Batch::Batch(size_t capacity) : capacity_((capacity + kPage - 1) / kPage * kPage) {
    void* memory = mmap(nullptr, capacity_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    data_ = static_cast<char*>(memory);
}

Batch::~Batch() { munmap(data_, capacity_); }

void Batch::append(std::string_view line, uint32_t flags) {
    if (line.data() != tail()) std::memcpy(tail(), line.data(), line.size());
    records_.push_back({size_, static_cast<uint32_t>(line.size()), flags});
    size_ += line.size();
    flags_ |= flags;
}

void Batch::clear() {
    size_ = 0;
    flags_ = 0;
    records_.clear();
}

void Batch::describe(sniffer_batch& out) { out = {data_, size_, records_.data(), records_.size(), flags_, this}; }

// A lossless one waits until the largest fits.
Ring::Ring(uint64_t limit, uint64_t largest, bool lossless)
    : limit_(limit), batch_size_(batch_size(limit, lossless ? 0 : largest)), lossless_(lossless) {
    event_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (event_fd_ < 0) throw EngineError(SNIFFER_INTERNAL, "no eventfd is to be had: too many open files");
}

Ring::~Ring() { close(event_fd_); }

// A record that is larger than the limit still goes through when it is alone.
bool Ring::make_room(size_t capacity) {
    if (capacity == batch_size_ && !spare_.empty()) return true;
    while (memory_ + capacity > limit_ && !spare_.empty()) {
        memory_ -= spare_.back()->capacity();
        spare_.pop_back();
    }
    return memory_ == 0 || memory_ + capacity <= limit_;
}

std::unique_ptr<Batch> Ring::take_batch(size_t bytes) {
    std::unique_lock lock(mutex_);
    const size_t capacity = std::max(bytes, batch_size_);
    if (!make_room(capacity)) {
        if (!lossless_) return nullptr;
        notify();
        bool room = false;
        room_.wait(lock, [&] {
            room = make_room(capacity);
            return room || !lossless_;
        });
        if (!room) return nullptr;
    }
    if (capacity == batch_size_ && !spare_.empty()) {
        std::unique_ptr<Batch> batch = std::move(spare_.back());
        spare_.pop_back();
        return batch;
    }
    auto batch = std::make_unique<Batch>(capacity);
    memory_ += batch->capacity();
    return batch;
}

void Ring::lend_room(Text& line) {
    line.return_lent();
    if (!open_) open_ = take_batch(0);
    if (open_ && open_->room() >= std::min(kLentRoom, batch_size_ / 4)) line.lend(open_->tail(), open_->room());
}

bool Ring::push(std::string_view line, uint32_t flags) {
    if (open_ && !open_->fits(line.size())) {
        flush();
        if (open_) release(std::move(open_));
    }
    if (!open_) open_ = take_batch(line.size());
    if (!open_) return false;
    open_->append(line, flags);
    return true;
}

void Ring::close_batch() {
    std::lock_guard lock(mutex_);
    queued_.fetch_add(open_->size(), std::memory_order_relaxed);
    ready_.push_back(std::move(open_));
}

void Ring::flush() {
    if (!open_ || open_->empty()) return;
    close_batch();
    notify();
}

void Ring::notify() {
    uint64_t one = 1;
    // Full only when it is readable anyway.
    [[maybe_unused]] ssize_t written = write(event_fd_, &one, sizeof one);
}

void Ring::set_lossless(bool lossless) {
    std::lock_guard lock(mutex_);
    lossless_ = lossless;
    room_.notify_all();
}

std::unique_ptr<Batch> Ring::pop() {
    std::lock_guard lock(mutex_);
    if (ready_.empty()) return nullptr;
    std::unique_ptr<Batch> batch = std::move(ready_.front());
    ready_.pop_front();
    queued_.fetch_sub(batch->size(), std::memory_order_relaxed);
    return batch;
}

void Ring::release(std::unique_ptr<Batch> batch) {
    std::lock_guard lock(mutex_);
    batch->clear();
    if (batch->capacity() == batch_size_ && spare_.size() < kMostSpare) {
        spare_.push_back(std::move(batch));
    } else {
        memory_ -= batch->capacity();
    }
    room_.notify_one();
}

}  // namespace sniffer
