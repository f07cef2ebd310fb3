// Objects that are used again: the common path allocates nothing.
#pragma once

#include <memory>
#include <vector>

namespace sniffer {

// T has reset(), which forgets its content but may keep a little memory.
template <typename T>
class Pool {
 public:
    std::unique_ptr<T> get() {
        if (free_.empty()) return std::make_unique<T>();
        std::unique_ptr<T> object = std::move(free_.back());
        free_.pop_back();
        return object;
    }
    void put(std::unique_ptr<T> object) {
        if (free_.size() >= kMostFree) return;
        object->reset();
        free_.push_back(std::move(object));
    }

 private:
    static constexpr size_t kMostFree = 64;
    std::vector<std::unique_ptr<T>> free_;
};

}  // namespace sniffer
