#include "content_coding.h"

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

namespace sniffer {

namespace {

// An allocator for a library, within the budget. Each block says its size in front.
class CountedMemory {
 public:
    explicit CountedMemory(Budget& budget) : budget_(budget) {}

    static void* get(void* self, size_t size) {
        Budget& budget = static_cast<CountedMemory*>(self)->budget_;
        if (!budget.take(size + kFront)) return nullptr;
        char* block = static_cast<char*>(std::malloc(size + kFront));
        if (!block) {
            budget.give(size + kFront);
            return nullptr;
        }
        std::memcpy(block, &size, sizeof size);
        return block + kFront;
    }
    static void put(void* self, void* memory) {
        if (!memory) return;
        char* block = static_cast<char*>(memory) - kFront;
        size_t size = 0;
        std::memcpy(&size, block, sizeof size);
        static_cast<CountedMemory*>(self)->budget_.give(size + kFront);
        std::free(block);
    }

 private:
    static constexpr size_t kFront = alignof(std::max_align_t);
    Budget& budget_;
};

class Zlib : public Coding {
 public:
    explicit Zlib(Budget& budget) : budget_(budget) {
        if (inflateInit2(&stream_, kZlibBits) != Z_OK) throw std::bad_alloc();
        budget_.force(kMemory);
    }
    ~Zlib() override {
        inflateEnd(&stream_);
        budget_.give(kMemory);
    }

    Step feed(std::string_view piece, BoundedOutput& out) override {
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
        stream_.avail_in = static_cast<uInt>(piece.size());
        while (!out.full()) {
            if (ended_ && !next_member()) return stream_.avail_in > 0 ? Step::done : Step::more;
            const size_t room = out.room();
            stream_.next_out = reinterpret_cast<Bytef*>(out.at());
            stream_.avail_out = static_cast<uInt>(room);
            const int result = inflate(&stream_, Z_NO_FLUSH);
            out.wrote(room - stream_.avail_out);
            if (result == Z_STREAM_END) {
                ended_ = true;
            } else if (result == Z_BUF_ERROR || (result == Z_OK && stream_.avail_in == 0 && stream_.avail_out > 0)) {
                return Step::more;
            } else if (result != Z_OK) {
                return later_ && stream_.total_in <= kMagic ? Step::done : Step::corrupt;
            }
        }
        return Step::full;
    }
    bool ended() const override { return ended_ || (later_ && stream_.total_in < kMagic); }

 protected:
    static constexpr int kZlibBits = 15, kRawBits = -15, kGzipBits = 15 + 16;

    // The check values are left out: they tell that a sender is wrong, and what it sent is told all the same.
    void reset(int window_bits) {
        inflateReset2(&stream_, window_bits);
        inflateValidate(&stream_, 0);
        ended_ = later_ = false;
    }
    virtual bool members() const = 0;

 private:
    // RFC 1952 section 2.2: members simply follow each other. What does not begin like one is none (as to gzip itself).
    bool next_member() {
        if (!members() || stream_.avail_in == 0 || *stream_.next_in != 0x1f) return false;
        reset(kGzipBits);
        later_ = true;
        return true;
    }
    static constexpr uLong kMagic = 2;  // the bytes that each member begins with

    static constexpr uint64_t kMemory = 48 << 10;  // the window of 32 KiB and inflate's state

    Budget& budget_;
    z_stream stream_{};
    bool ended_ = false, later_ = false;  // later_: not the first member
};

class Gzip : public Zlib {
 public:
    using Zlib::Zlib;
    void begin(std::string_view) override { reset(kGzipBits); }

 protected:
    bool members() const override { return true; }
};

// RFC 9110 section 8.4.1.2: the zlib format; some send the bare deflate stream.
class Deflate : public Zlib {
 public:
    using Zlib::Zlib;
    void begin(std::string_view first) override { reset(has_zlib_header(first) ? kZlibBits : kRawBits); }

 protected:
    bool members() const override { return false; }

 private:
    static bool has_zlib_header(std::string_view first) {
        if (first.size() < 2) return false;
        const auto cmf = static_cast<uint8_t>(first[0]), flags = static_cast<uint8_t>(first[1]);
        return (cmf & 15) == 8 && (cmf * 256 + flags) % 31 == 0;  // RFC 1950 section 2.2
    }
};

// A window is up to 16 MiB (RFC 7932 section 9.1), and asked for as the output grows.
class Brotli : public Coding {
 public:
    explicit Brotli(Budget& budget) : memory_(budget) {}

    void begin(std::string_view) override {
        state_.reset();  // before the next one takes its memory
        state_.reset(BrotliDecoderCreateInstance(CountedMemory::get, CountedMemory::put, &memory_));
    }

    Step feed(std::string_view piece, BoundedOutput& out) override {
        if (!state_) return Step::corrupt;  // there was no memory for it
        auto* in = reinterpret_cast<const uint8_t*>(piece.data());
        size_t in_left = piece.size();
        while (!out.full()) {
            const size_t room = out.room();
            auto* to = reinterpret_cast<uint8_t*>(out.at());
            size_t out_left = room;
            const auto result = BrotliDecoderDecompressStream(state_.get(), &in_left, &in, &out_left, &to, nullptr);
            out.wrote(room - out_left);
            if (result == BROTLI_DECODER_RESULT_SUCCESS) return Step::done;
            if (result == BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT) return Step::more;
            if (result == BROTLI_DECODER_RESULT_ERROR) return Step::corrupt;
        }
        return Step::full;
    }
    bool ended() const override { return state_ && BrotliDecoderIsFinished(state_.get()); }

 private:
    struct Destroy {
        void operator()(BrotliDecoderState* state) const { BrotliDecoderDestroyInstance(state); }
    };
    CountedMemory memory_;
    std::unique_ptr<BrotliDecoderState, Destroy> state_;
};

class Zstd : public Coding {
 public:
    explicit Zstd(Budget& budget) : budget_(budget), context_(ZSTD_createDCtx()) {
        if (!context_) throw std::bad_alloc();
    }
    ~Zstd() override { budget_.give(charged_); }

    void begin(std::string_view) override {
        ZSTD_DCtx_reset(context_.get(), ZSTD_reset_session_only);
        ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, window_log());
        ended_ = false;
    }

    Step feed(std::string_view piece, BoundedOutput& out) override {
        ZSTD_inBuffer in{piece.data(), piece.size(), 0};
        while (!out.full()) {
            if (ended_ && in.pos == in.size) return Step::more;
            if (ended_ && !frame_begins(piece[in.pos])) return Step::done;
            ZSTD_outBuffer to{out.at(), out.room(), 0};
            const size_t result = ZSTD_decompressStream(context_.get(), &to, &in);
            charge();
            if (ZSTD_isError(result)) return Step::corrupt;
            ended_ = result == 0;
            const bool filled = to.pos == to.size;
            out.wrote(to.pos);
            if (!ended_ && in.pos == in.size && !filled) return Step::more;
        }
        return Step::full;
    }
    bool ended() const override { return ended_; }

 private:
    // RFC 8878 section 3.1: frames, skippable ones too, may follow each other.
    static bool frame_begins(char byte) { return byte == 0x28 || (byte & 0xf0) == 0x50; }
    // RFC 9659: in HTTP a window is at most 8 MiB; here also at most half of the memory left, as the context keeps
    // buffers beside it. A frame that asks for more is not decoded.
    int window_log() const {
        const uint64_t room = (budget_.left() + charged_) / 2;
        return std::clamp(static_cast<int>(std::bit_width(room)) - 1, 10, 23);
    }
    // The context has no allocator that may be counted, but says what it holds.
    void charge() {
        const uint64_t now = ZSTD_sizeof_DCtx(context_.get());
        if (now == charged_) return;
        budget_.give(charged_);
        budget_.force(now);
        charged_ = now;
    }

    struct Free {
        void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
    };
    Budget& budget_;
    std::unique_ptr<ZSTD_DCtx, Free> context_;
    uint64_t charged_ = 0;
    bool ended_ = false;
};

}  // namespace

std::unique_ptr<Coding> make_gzip(Budget& budget) { return std::make_unique<Gzip>(budget); }
std::unique_ptr<Coding> make_deflate(Budget& budget) { return std::make_unique<Deflate>(budget); }
std::unique_ptr<Coding> make_brotli(Budget& budget) { return std::make_unique<Brotli>(budget); }
std::unique_ptr<Coding> make_zstd(Budget& budget) { return std::make_unique<Zstd>(budget); }

}  // namespace sniffer
