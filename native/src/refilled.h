// A run of plain values that is filled anew again and again.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace sniffer {

// Unlike std::vector it asks once for the room of many and constructs nothing.
template <typename T>
class Refilled {
 public:
    void clear() { size_ = 0; }
    // Room for so many more; what was there stays.
    void make_room(size_t more) {
        if (items_.size() - size_ < more) items_.resize(2 * size_ + more);
    }
    // Only where there is room.
    void add(const T& item) { items_[size_++] = item; }

    size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    const T& operator[](size_t i) const { return items_[i]; }
    const T& front() const { return items_.front(); }
    operator std::span<const T>() const { return {items_.data(), size_}; }

 private:
    std::vector<T> items_;
    size_t size_ = 0;
};

}  // namespace sniffer
