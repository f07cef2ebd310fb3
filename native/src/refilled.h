// A run of plain values that is filled anew again and again.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>

namespace sniffer {

// Unlike std::vector it asks once for the room of many and constructs nothing; adding is a store.
template <typename T>
class Refilled {
 public:
    void clear() { end_ = begin(); }
    // Room for so many more; what was there stays.
    void make_room(size_t more) {
        if (static_cast<size_t>(limit_ - end_) < more) [[unlikely]]
            grow(more);
    }
    // Only where there is room.
    void add(const T& item) { *end_++ = item; }

    size_t size() const { return static_cast<size_t>(end_ - begin()); }
    bool empty() const { return end_ == begin(); }
    operator std::span<const T>() const { return {begin(), size()}; }

 private:
    T* begin() const { return items_.get(); }
    [[gnu::noinline]] void grow(size_t more) {
        const size_t kept = size(), room = 2 * kept + more;
        auto items = std::make_unique<T[]>(room);
        std::copy_n(begin(), kept, items.get());
        items_ = std::move(items);
        end_ = begin() + kept;
        limit_ = begin() + room;
    }
    std::unique_ptr<T[]> items_;
    T *end_ = nullptr, *limit_ = nullptr;
};

}  // namespace sniffer
