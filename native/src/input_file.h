// The bytes of a capture file: from a file or a pipe, as they are or compressed by gzip or zstd.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct z_stream_s;
struct ZSTD_DCtx_s;

namespace sniffer {

// Waits for a pipe's writer.
class PipeWaiter {
 public:
    virtual ~PipeWaiter() = default;
    // False: nobody wants the rest any more.
    virtual bool wait_readable(int fd) = 0;
};

// Sees a file's bytes, decompressed, in the pieces in which they are read.
class StreamWatcher {
 public:
    virtual ~StreamWatcher() = default;
    virtual void see(const char* bytes, size_t size) = 0;
};

class InputFile {
 public:
    // "-" is standard input. Throws EngineError(SNIFFER_FILE).
    explicit InputFile(const std::string& path);
    ~InputFile();
    InputFile(const InputFile&) = delete;
    InputFile& operator=(const InputFile&) = delete;

    const std::string& name() const { return name_; }
    // A regular file: reading never waits.
    bool regular() const { return regular_; }
    // Once it is open: the stream is the file itself.
    bool stored_plainly() const { return fd_ < 0; }
    // The stream for libpcap, which closes it; this object must outlive it. Waits for the first
    // bytes. Throws EngineError(SNIFFER_FILE).
    FILE* open(PipeWaiter& waiter);
    // To be told before open(): who sees what the stream gives of pcapng, and of what is compressed.
    void watch(StreamWatcher& watcher) { watcher_ = &watcher; }
    // What went wrong below the stream; empty: nothing.
    const std::string& error() const { return error_; }

 private:
    struct InflateEnd {
        void operator()(z_stream_s* zlib) const;
    };
    struct ZstdFree {
        void operator()(ZSTD_DCtx_s* zstd) const;
    };
    static ssize_t read_cookie(void* self, char* buffer, size_t size);
    bool refill();
    bool begins_with(std::string_view magic);
    bool looks_compressed();
    bool looks_zstd();
    bool looks_watched();
    FILE* open_pipe();
    ssize_t copy(char* buffer, size_t size);
    ssize_t inflate(char* buffer, size_t size);
    ssize_t decompress(char* buffer, size_t size);

    std::string name_, error_;
    int fd_ = -1;
    bool regular_ = false, between_members_ = true;
    PipeWaiter* waiter_ = nullptr;
    StreamWatcher* watcher_ = nullptr;
    std::unique_ptr<z_stream_s, InflateEnd> zlib_;  // neither: the bytes as they are
    std::unique_ptr<ZSTD_DCtx_s, ZstdFree> zstd_;
    std::vector<unsigned char> buffer_;  // what was read and not handed on: from position_ to filled_
    size_t position_ = 0, filled_ = 0;
    std::vector<char> stream_buffer_;
};

}  // namespace sniffer
