// A counter with one writer (the capture thread) that any thread may read.
#pragma once

#include <atomic>
#include <cstdint>

namespace sniffer {

class Counter {
 public:
    // Not a read-modify-write: with one writer a plain load and store cost no lock prefix.
    void add(uint64_t n = 1) { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
    void set(uint64_t n) { value_.store(n, std::memory_order_relaxed); }
    uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
    std::atomic<uint64_t> value_{0};
};

}  // namespace sniffer
