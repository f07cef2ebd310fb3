#include "file_hash.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <vector>

namespace sniffer {
namespace {

constexpr size_t kBuffer = 128 << 10;

[[noreturn]] void fail(const std::string& path) { throw std::runtime_error(path + ": " + std::strerror(errno)); }

class File {
 public:
    File(const std::string& path, int flags) : path_(path), fd_(open(path.c_str(), flags | O_CLOEXEC, 0600)) {
        if (fd_ < 0) fail(path);
    }
    ~File() { close(fd_); }
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    size_t read_some(void* out, size_t size) {
        const ssize_t got = read(fd_, out, size);
        if (got < 0) fail(path_);
        return static_cast<size_t>(got);
    }
    void write_all(const void* bytes, size_t size) {
        const char* at = static_cast<const char*>(bytes);
        while (size > 0) {
            const ssize_t done = write(fd_, at, size);
            if (done < 0) fail(path_);
            at += done;
            size -= static_cast<size_t>(done);
        }
    }

 private:
    const std::string path_;
    const int fd_;
};

void write_zstd(File& from, File& to) {
    const std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, 1);  // the traffic's processor is not ours
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
    std::vector<char> in(kBuffer), out(ZSTD_CStreamOutSize());
    while (true) {
        const size_t got = from.read_some(in.data(), in.size());
        ZSTD_inBuffer source{in.data(), got, 0};
        size_t left = 1;
        while (got == 0 ? left != 0 : source.pos < source.size) {
            ZSTD_outBuffer sink{out.data(), out.size(), 0};
            left = ZSTD_compressStream2(context.get(), &sink, &source, got == 0 ? ZSTD_e_end : ZSTD_e_continue);
            if (ZSTD_isError(left)) throw std::runtime_error(std::string("zstd: ") + ZSTD_getErrorName(left));
            to.write_all(out.data(), sink.pos);
        }
        if (got == 0) return;
    }
}

void write_gzip(File& from, File& to) {
    z_stream zlib{};
    constexpr int kGzip = 16 + MAX_WBITS;
    if (deflateInit2(&zlib, Z_BEST_SPEED, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        throw std::runtime_error("zlib: out of memory");
    const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&zlib, deflateEnd);
    std::vector<unsigned char> in(kBuffer), out(kBuffer);
    while (true) {
        zlib.avail_in = static_cast<uInt>(from.read_some(in.data(), in.size()));
        zlib.next_in = in.data();
        const bool last = zlib.avail_in == 0;
        do {
            zlib.avail_out = static_cast<uInt>(out.size());
            zlib.next_out = out.data();
            deflate(&zlib, last ? Z_FINISH : Z_NO_FLUSH);
            to.write_all(out.data(), out.size() - zlib.avail_out);
        } while (zlib.avail_out == 0);
        if (last) return;
    }
}

}  // namespace

std::string sha256_of_file(const std::string& path, uint64_t& bytes) {
    File file(path, O_RDONLY);
    const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
    std::vector<char> buffer(kBuffer);
    bytes = 0;
    while (const size_t got = file.read_some(buffer.data(), buffer.size())) {
        EVP_DigestUpdate(context.get(), buffer.data(), got);
        bytes += got;
    }
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_DigestFinal_ex(context.get(), digest, &size);
    constexpr char digits[] = "0123456789abcdef";
    std::string out;
    for (unsigned i = 0; i < size; ++i) (out += digits[digest[i] >> 4]) += digits[digest[i] & 15];
    return out;
}

void compress_file(const std::string& from, const std::string& to, RecordingConfig::Compress how) {
    File source(from, O_RDONLY);
    File sink(to, O_WRONLY | O_CREAT | O_EXCL);
    try {
        how == RecordingConfig::Compress::gzip ? write_gzip(source, sink) : write_zstd(source, sink);
    } catch (...) {
        unlink(to.c_str());
        throw;
    }
}

}  // namespace sniffer
