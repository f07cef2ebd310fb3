// A growing run of bytes, reused from record to record.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>
#include <string_view>
#include <utility>

namespace sniffer {

// Unlike std::string it hands out raw room for bytes to come: nothing is zeroed, and a stage that
// knows its bound checks it once.
class Text {
 public:
    Text() = default;
    Text(Text&& other) noexcept { swap(other); }
    Text& operator=(Text&& other) noexcept {
        swap(other);
        return *this;
    }
    Text(const Text&) = delete;
    Text& operator=(const Text&) = delete;
    ~Text() {
        return_lent();
        std::free(data_);
    }

    const char* data() const { return data_; }
    char* data() { return data_; }
    size_t size() const { return size_; }
    size_t capacity() const { return capacity_; }
    bool empty() const { return size_ == 0; }
    std::string_view view() const { return {data_, size_}; }
    operator std::string_view() const { return view(); }

    // Writes into `memory` from now on, as long as the text fits there; it must outlive that.
    void lend(char* memory, size_t capacity) {
        return_lent();
        own_ = std::exchange(data_, memory);
        own_capacity_ = std::exchange(capacity_, capacity);
        size_ = 0;
        lent_ = true;
    }

    // Goes back to memory of its own.
    void return_lent() {
        if (!lent_) return;
        data_ = own_;
        capacity_ = own_capacity_;
        size_ = 0;
        lent_ = false;
    }

    // Keeps the memory, but not that of one huge record.
    void clear() {
        size_ = 0;
        if (!lent_ && capacity_ > kKept) {
            std::free(std::exchange(data_, nullptr));
            capacity_ = 0;
        }
    }

    // Where the next bytes go: `bytes` of them may be written there, then end() says where they ended.
    char* room(size_t bytes) {
        if (capacity_ - size_ < bytes) grow(bytes);
        return data_ + size_;
    }
    void end(const char* end) { size_ = static_cast<size_t>(end - data_); }
    // Takes back what was appended after the first `size` bytes.
    void cut(size_t size) { size_ = size; }

    void append(const char* bytes, size_t size) {
        if (size == 0) return;
        std::memcpy(room(size), bytes, size);
        size_ += size;
    }
    void append(std::string_view bytes) { append(bytes.data(), bytes.size()); }
    void push_back(char byte) {
        *room(1) = byte;
        ++size_;
    }

 private:
    static constexpr size_t kKept = 4 << 20;

    void grow(size_t bytes) {
        if (lent_) {
            const std::string_view so_far = view();
            return_lent();
            append(so_far);
            if (capacity_ - size_ >= bytes) return;
        }
        size_t capacity = capacity_ * 2 > 1024 ? capacity_ * 2 : 1024;
        if (capacity < size_ + bytes) capacity = size_ + bytes;
        void* data = std::realloc(data_, capacity);
        if (!data) throw std::bad_alloc();
        data_ = static_cast<char*>(data);
        capacity_ = capacity;
    }
    void swap(Text& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(capacity_, other.capacity_);
        std::swap(own_, other.own_);
        std::swap(own_capacity_, other.own_capacity_);
        std::swap(lent_, other.lent_);
    }

    char *data_ = nullptr, *own_ = nullptr;  // own_: what stays while memory is lent
    size_t size_ = 0, capacity_ = 0, own_capacity_ = 0;
    bool lent_ = false;
};

// What was kept of a beginning and what goes on from there, as one: copied into `room` as far as that reaches, or left
// where it lies when nothing was kept. `room` is no smaller than what was kept.
inline std::string_view joined(std::string_view kept, std::string_view bytes, std::span<char> room) {
    if (kept.empty()) return bytes;
    std::memcpy(room.data(), kept.data(), kept.size());
    const size_t more = bytes.copy(room.data() + kept.size(), room.size() - kept.size());
    return {room.data(), kept.size() + more};
}

// Writes through a pointer into a Text's room; a literal's length is known to the compiler.
template <size_t N>
inline char* put(char* out, const char (&literal)[N]) {
    std::memcpy(out, literal, N - 1);
    return out + N - 1;
}
inline char* put(char* out, std::string_view bytes) {
    if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
    return out + bytes.size();
}

}  // namespace sniffer
