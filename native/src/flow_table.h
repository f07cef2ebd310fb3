// From the two ends of a connection to its state.
#pragma once

#include <cstdint>
#include <vector>

#include "hash.h"
#include "types.h"

namespace sniffer {

// Both ends, the lower one first: the same for both directions.
struct FlowKey {
    Endpoint low, high;
    bool operator==(const FlowKey&) const = default;
    // `low_sent`: whether `a` is the lower end. Any order does, as long as it is one.
    static FlowKey of(const Endpoint& a, const Endpoint& b, bool& low_sent) {
        uint64_t a1 = a.ip.half(1), b1 = b.ip.half(1), a0 = a.ip.half(0), b0 = b.ip.half(0);
        low_sent = a1 != b1 ? a1 < b1 : a0 != b0 ? a0 < b0 : a.port <= b.port;
        return low_sent ? FlowKey{a, b} : FlowKey{b, a};
    }
    // SipHash-1-3, for what may be seen outside.
    uint64_t hash(HashKey key) const;
    // Cheaper, for the place in a table.
    uint64_t place(const ProductKey& key) const {
        const uint64_t ports = both_ports();
        if (low.ip.is_v4() && high.ip.is_v4()) {
            const uint64_t words[2] = {both_v4(), ports};
            return product_hash(key, words, 2);
        }
        const uint64_t words[6] = {low.ip.half(0), low.ip.half(1), high.ip.half(0), high.ip.half(1), ports, 0};
        return product_hash(key, words, 6);
    }

 private:
    uint64_t both_ports() const { return static_cast<uint64_t>(low.port) << 16 | high.port; }
    // The addresses are the upper four bytes of the halves.
    uint64_t both_v4() const { return (low.ip.half(1) & 0xffffffff00000000) | high.ip.half(1) >> 32; }
};

// Open addressing with linear probing; deleting shifts back, so that there are no tombstones.
// T has `FlowKey key` and `uint64_t hash`. The table does not own what it holds.
template <typename T>
class FlowTable {
 public:
    FlowTable() : slots_(kFirst) {}
    T* find(const FlowKey& key, uint64_t hash) const {
        for (size_t i = hash & mask();; i = (i + 1) & mask()) {
            const Slot& slot = slots_[i];
            if (!slot.flow) return nullptr;
            if (slot.hash == hash && slot.flow->key == key) return slot.flow;
        }
    }
    void insert(T* flow) {
        if ((count_ + 1) * 4 > slots_.size() * 3) grow();
        place(slots_, flow);
        ++count_;
    }
    void erase(const T* flow) {
        size_t hole = flow->hash & mask();
        while (slots_[hole].flow != flow) hole = (hole + 1) & mask();
        for (size_t i = (hole + 1) & mask(); slots_[i].flow; i = (i + 1) & mask()) {
            size_t home = slots_[i].flow->hash & mask();
            if (((i - home) & mask()) < ((i - hole) & mask())) continue;  // it would move before its home
            slots_[hole] = slots_[i];
            hole = i;
        }
        slots_[hole] = {};
        --count_;
    }
    size_t size() const { return count_; }
    size_t memory() const { return slots_.size() * sizeof(Slot); }

 private:
    static constexpr size_t kFirst = 256;
    struct Slot {
        uint64_t hash = 0;
        T* flow = nullptr;
    };
    size_t mask() const { return slots_.size() - 1; }
    static void place(std::vector<Slot>& slots, T* flow) {
        size_t i = flow->hash & (slots.size() - 1);
        while (slots[i].flow) i = (i + 1) & (slots.size() - 1);
        slots[i] = {flow->hash, flow};
    }
    void grow() {
        std::vector<Slot> wider(slots_.size() * 2);
        for (const Slot& slot : slots_)
            if (slot.flow) place(wider, slot.flow);
        slots_.swap(wider);
    }
    std::vector<Slot> slots_;
    size_t count_ = 0;
};

}  // namespace sniffer
