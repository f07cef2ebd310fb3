#include "input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "error.h"

namespace sniffer {
namespace {

constexpr size_t kBuffer = 64 << 10;

[[noreturn]] void refuse(const std::string& name, const std::string& reason) {
    throw EngineError(SNIFFER_FILE, name + ": " + reason);
}

}  // namespace

void InputFile::InflateEnd::operator()(z_stream_s* zlib) const {
    inflateEnd(zlib);
    delete zlib;
}

void InputFile::ZstdFree::operator()(ZSTD_DCtx_s* zstd) const { ZSTD_freeDCtx(zstd); }

InputFile::InputFile(const std::string& path) : name_(path == "-" ? "standard input" : path) {
    fd_ =
        path == "-" ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd_ < 0) refuse(name_, std::strerror(errno));
    struct stat status {};
    const bool known = fstat(fd_, &status) == 0;
    regular_ = known && S_ISREG(status.st_mode);
    if (known && S_ISDIR(status.st_mode)) {
        close(fd_);
        refuse(name_, "a folder, not a capture file");
    }
}

InputFile::~InputFile() {
    if (fd_ >= 0) close(fd_);
}

FILE* InputFile::open(PipeWaiter& waiter) {
    waiter_ = &waiter;
    buffer_.resize(kBuffer);
    if (!looks_compressed() && !looks_zstd() && !looks_watched() && regular_) {
        lseek(fd_, -static_cast<off_t>(filled_), SEEK_CUR);
        FILE* stream = fdopen(fd_, "r");
        if (!stream) refuse(name_, std::strerror(errno));
        fd_ = -1;  // the stream's now
        return stream;
    }
    return open_pipe();
}

FILE* InputFile::open_pipe() {
    if (looks_compressed()) {
        zlib_.reset(new z_stream_s{});
        constexpr int kGzip = 16 + MAX_WBITS;
        if (inflateInit2(zlib_.get(), kGzip) != Z_OK) refuse(name_, "zlib: out of memory");
    } else if (looks_zstd()) {
        zstd_.reset(ZSTD_createDCtx());
        if (!zstd_) refuse(name_, "zstd: out of memory");
    }
    FILE* stream = fopencookie(this, "r", {read_cookie, nullptr, nullptr, nullptr});
    if (!stream) refuse(name_, std::strerror(errno));
    stream_buffer_.resize(kBuffer);
    setvbuf(stream, stream_buffer_.data(), _IOFBF, stream_buffer_.size());
    return stream;
}

// Appends to the buffer what is there, at least one byte; false at the end.
bool InputFile::refill() {
    if (position_ == filled_) position_ = filled_ = 0;
    if (!regular_ && !waiter_->wait_readable(fd_)) return false;
    while (true) {
        const ssize_t got = read(fd_, buffer_.data() + filled_, buffer_.size() - filled_);
        if (got > 0) filled_ += static_cast<size_t>(got);
        if (got >= 0) return got > 0;
        if (errno == EAGAIN && waiter_->wait_readable(fd_)) continue;
        if (errno != EINTR && errno != EAGAIN) error_ = std::strerror(errno);
        if (errno != EINTR) return false;
    }
}

bool InputFile::begins_with(std::string_view magic) {
    if (position_ > 0) {
        std::copy(buffer_.begin() + position_, buffer_.begin() + filled_, buffer_.begin());
        filled_ -= std::exchange(position_, 0);
    }
    while (filled_ < magic.size() && refill()) continue;
    return filled_ >= magic.size() && std::memcmp(buffer_.data(), magic.data(), magic.size()) == 0;
}

// Is the next thing a gzip member (RFC 1952 section 2.3.1), or a zstd frame (RFC 8878 section 3.1.1)?
bool InputFile::looks_compressed() { return begins_with("\x1f\x8b"); }
bool InputFile::looks_zstd() { return begins_with("\x28\xb5\x2f\xfd"); }
// Pcapng begins with a section header block.
bool InputFile::looks_watched() { return watcher_ && begins_with("\x0a\x0d\x0d\x0a"); }

ssize_t InputFile::read_cookie(void* self, char* buffer, size_t size) {
    auto& file = *static_cast<InputFile*>(self);
    const ssize_t got = file.zlib_   ? file.inflate(buffer, size)
                        : file.zstd_ ? file.decompress(buffer, size)
                                     : file.copy(buffer, size);
    if (got > 0 && file.watcher_) file.watcher_->see(buffer, static_cast<size_t>(got));
    if (file.error_.empty()) return got;
    errno = EIO;
    return -1;
}

ssize_t InputFile::copy(char* buffer, size_t size) {
    if (position_ == filled_ && !refill()) return 0;
    const size_t part = std::min(size, filled_ - position_);
    std::memcpy(buffer, buffer_.data() + position_, part);
    position_ += part;
    return static_cast<ssize_t>(part);
}

ssize_t InputFile::inflate(char* buffer, size_t size) {
    z_stream_s& zlib = *zlib_;
    zlib.next_out = reinterpret_cast<Bytef*>(buffer);
    zlib.avail_out = static_cast<uInt>(size);
    while (zlib.avail_out == size) {
        // Members may follow each other; anything else behind the last is padding, as to gzip itself.
        if (between_members_ && !looks_compressed()) return 0;
        if (position_ == filled_ && !refill()) {
            error_ = error_.empty() ? "the gzip data ends early" : error_;
            return 0;
        }
        between_members_ = false;
        zlib.next_in = buffer_.data() + position_;
        zlib.avail_in = static_cast<uInt>(filled_ - position_);
        const int status = ::inflate(&zlib, Z_NO_FLUSH);
        position_ = filled_ - zlib.avail_in;
        if (status == Z_STREAM_END) {
            inflateReset(&zlib);
            between_members_ = true;
        } else if (status != Z_OK && status != Z_BUF_ERROR) {
            error_ = std::string("the gzip data is damaged: ") + (zlib.msg ? zlib.msg : "unknown reason");
            return 0;
        }
    }
    return static_cast<ssize_t>(size - zlib.avail_out);
}

// Frames may follow each other.
ssize_t InputFile::decompress(char* buffer, size_t size) {
    ZSTD_outBuffer out{buffer, size, 0};
    while (out.pos == 0) {
        if (position_ == filled_ && !refill()) {
            if (!between_members_ && error_.empty()) error_ = "the zstd data ends early";
            return 0;
        }
        ZSTD_inBuffer in{buffer_.data() + position_, filled_ - position_, 0};
        const size_t left = ZSTD_decompressStream(zstd_.get(), &out, &in);
        position_ += in.pos;
        if (ZSTD_isError(left)) {
            error_ = std::string("the zstd data is damaged: ") + ZSTD_getErrorName(left);
            return 0;
        }
        between_members_ = left == 0;
    }
    return static_cast<ssize_t>(out.pos);
}

}  // namespace sniffer
