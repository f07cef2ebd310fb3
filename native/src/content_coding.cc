#include "content_coding.h"

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include <cstdint>
#include <new>

namespace sniffer {

namespace {

class Zlib : public Coding {
 public:
    Zlib() {
        if (inflateInit2(&stream_, kZlibBits) != Z_OK) throw std::bad_alloc();
    }
    ~Zlib() override { inflateEnd(&stream_); }

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
                return Step::corrupt;
            }
        }
        return Step::full;
    }
    bool ended() const override { return ended_; }

 protected:
    static constexpr int kZlibBits = 15, kRawBits = -15, kGzipBits = 15 + 16;

    void reset(int window_bits) {
        inflateReset2(&stream_, window_bits);
        ended_ = false;
    }
    virtual bool members() const = 0;

 private:
    // RFC 1952 section 2.2: members simply follow each other.
    bool next_member() {
        if (!members() || stream_.avail_in == 0 || *stream_.next_in != 0x1f) return false;
        reset(kGzipBits);
        return true;
    }

    z_stream stream_{};
    bool ended_ = false;
};

class Gzip : public Zlib {
 public:
    void begin(std::string_view) override { reset(kGzipBits); }

 protected:
    bool members() const override { return true; }
};

// RFC 9110 section 8.4.1.2: the zlib format; some send the bare deflate stream.
class Deflate : public Zlib {
 public:
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

class Brotli : public Coding {
 public:
    void begin(std::string_view) override {
        state_.reset(BrotliDecoderCreateInstance(nullptr, nullptr, nullptr));
        if (!state_) throw std::bad_alloc();
    }

    Step feed(std::string_view piece, BoundedOutput& out) override {
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
    bool ended() const override { return BrotliDecoderIsFinished(state_.get()); }

 private:
    struct Destroy {
        void operator()(BrotliDecoderState* state) const { BrotliDecoderDestroyInstance(state); }
    };
    std::unique_ptr<BrotliDecoderState, Destroy> state_;
};

class Zstd : public Coding {
 public:
    Zstd() : context_(ZSTD_createDCtx()) {
        if (!context_) throw std::bad_alloc();
        // RFC 9659: in HTTP a window is at most 8 MiB. A frame that asks for more is not decoded.
        ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, 23);
    }
    void begin(std::string_view) override {
        ZSTD_DCtx_reset(context_.get(), ZSTD_reset_session_only);
        ended_ = false;
    }

    Step feed(std::string_view piece, BoundedOutput& out) override {
        ZSTD_inBuffer in{piece.data(), piece.size(), 0};
        while (!out.full()) {
            if (ended_ && in.pos == in.size) return Step::more;
            if (ended_ && !frame_begins(piece[in.pos])) return Step::done;
            ZSTD_outBuffer to{out.at(), out.room(), 0};
            const size_t result = ZSTD_decompressStream(context_.get(), &to, &in);
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

    struct Free {
        void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
    };
    std::unique_ptr<ZSTD_DCtx, Free> context_;
    bool ended_ = false;
};

}  // namespace

std::unique_ptr<Coding> make_gzip() { return std::make_unique<Gzip>(); }
std::unique_ptr<Coding> make_deflate() { return std::make_unique<Deflate>(); }
std::unique_ptr<Coding> make_brotli() { return std::make_unique<Brotli>(); }
std::unique_ptr<Coding> make_zstd() { return std::make_unique<Zstd>(); }

}  // namespace sniffer
