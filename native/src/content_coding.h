// One content coding as a stream: bytes in, bytes out, bounded.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "arena.h"
#include "text.h"

namespace sniffer {

// Where a coding writes: at most `left` bytes more.
class BoundedOutput {
 public:
    BoundedOutput(Text& text, size_t left) : text_(text), left_(left) {}
    bool full() const { return left_ == 0; }
    size_t room() const { return left_ < kStep ? left_ : kStep; }
    char* at() { return text_.room(room()); }
    void wrote(size_t bytes) {
        text_.end(text_.data() + text_.size() + bytes);
        left_ -= bytes;
    }

 private:
    static constexpr size_t kStep = 16 << 10;
    Text& text_;
    size_t left_;
};

class Coding {
 public:
    enum class Step { more, done, full, corrupt };
    virtual ~Coding() = default;
    // Before each body; `first` is its first piece.
    virtual void begin(std::string_view first) = 0;
    // more: the piece is used up; done: the stream has ended, what follows it does not matter;
    // full: the output is.
    virtual Step feed(std::string_view piece, BoundedOutput& out) = 0;
    // True between two members or frames: the stream may end here.
    virtual bool ended() const = 0;
};

// What a coding keeps is counted in the budget, which must outlive it.
std::unique_ptr<Coding> make_gzip(Budget& budget);
std::unique_ptr<Coding> make_deflate(Budget& budget);
std::unique_ptr<Coding> make_brotli(Budget& budget);
std::unique_ptr<Coding> make_zstd(Budget& budget);

}  // namespace sniffer
