#include "recording_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>

namespace sniffer {
namespace {

constexpr const char* kCompressed[] = {"", ".zst", ".gz"};

uint64_t volume_size(int fd) {
    struct statvfs volume {};
    return fstatvfs(fd, &volume) == 0 ? static_cast<uint64_t>(volume.f_blocks) * volume.f_frsize : 0;
}

std::string owner_of(const std::string& path) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) return {};
    char text[128];
    std::snprintf(text, sizeof text,
                  " (it is user %u's, mode %04o; root without capabilities has no more rights than others)",
                  status.st_uid, status.st_mode & 07777);
    return text;
}

std::string advice(int error) {
    switch (error) {
        case EACCES:
        case EPERM:
            return "; make it writable for this process: fsGroup, or another mode";
        case ENOSPC:
        case EDQUOT:
            return "; make room, or lower recording.maxTotalBytes";
        case EROFS:
            return "; mount it writable";
        case ENOENT:
            return "; mount a volume there, or set recording.directory";
        default:
            return {};
    }
}

}  // namespace

uint64_t sequence_of(const std::string& name, const std::string& prefix, const std::string& suffix) {
    std::string_view rest(name);
    if (!rest.starts_with(prefix + ".")) return 0;
    rest.remove_prefix(prefix.size() + 1);
    uint64_t sequence = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), sequence);
    if (error != std::errc() || end - rest.data() < 4) return 0;
    const std::string_view tail = rest.substr(static_cast<size_t>(end - rest.data()));
    const bool known = std::any_of(std::begin(kCompressed), std::end(kCompressed),
                                   [&](const char* extension) { return tail == suffix + extension; });
    return known ? sequence : 0;
}

RecordingFolder::RecordingFolder(const RecordingConfig& config, std::string suffix)
    : config_(config), suffix_(std::move(suffix)) {}

RecordingFolder::~RecordingFolder() { close(); }

void RecordingFolder::close() {
    if (lock_fd_ >= 0) ::close(lock_fd_);
    if (fd_ >= 0) ::close(fd_);
    fd_ = lock_fd_ = -1;
}

void RecordingFolder::fail(const std::string& what, int error) const {
    const bool rights = error == EACCES || error == EPERM;
    throw FolderError(what + ": " + std::strerror(error) + (rights ? owner_of(config_.directory) : "") + advice(error));
}

void RecordingFolder::open() {
    close();
    fd_ = ::open(config_.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd_ < 0) fail("the folder " + config_.directory + " cannot be opened", errno);
    lock();
    read_names();
    const uint64_t size = volume_size(fd_);
    const uint64_t most = config_.max_total_bytes ? config_.max_total_bytes : size / 10 * 9;
    // While a file is compressed both are there.
    const bool compresses = config_.compress != RecordingConfig::Compress::none;
    rotate_bytes_ = std::min(config_.rotate_bytes, std::max<uint64_t>(most / 4, 64 << 10));
    limit_ = most - std::min(most, compresses ? rotate_bytes_ : 0);
}

// Two writers of one prefix would take each other's files.
void RecordingFolder::lock() {
    const std::string name = "." + config_.prefix + ".lock";
    lock_fd_ = openat(fd_, name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock_fd_ < 0) fail("the folder " + config_.directory + " cannot be written", errno);
    if (flock(lock_fd_, LOCK_EX | LOCK_NB) == 0) return;
    throw FolderError("another process records to " + path(open_name()) +
                      "; give each its own recording.label, recording.identity or recording.container");
}

void RecordingFolder::read_names() {
    std::lock_guard guard(mutex_);
    files_.clear();
    total_ = 0;
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir(config_.directory.c_str()), closedir);
    if (!folder) fail("the folder " + config_.directory + " cannot be read", errno);
    while (const dirent* entry = readdir(folder.get())) {
        const std::string name = entry->d_name;
        struct stat status {};
        if (name.starts_with("." + config_.prefix + ".") && name.ends_with(".part")) unlinkat(fd_, name.c_str(), 0);
        const uint64_t sequence = sequence_of(name, config_.prefix, suffix_);
        if (sequence == 0 || fstatat(fd_, name.c_str(), &status, 0) != 0) continue;
        const uint64_t bytes = static_cast<uint64_t>(status.st_size);
        files_[sequence] = {name, bytes, status.st_mtim.tv_sec * kSecond};
        total_ += bytes;
        last_sequence_ = std::max(last_sequence_, sequence);
    }
}

bool RecordingFolder::there() const {
    struct stat named {
    }, opened{};
    return stat(config_.directory.c_str(), &named) == 0 && fstat(fd_, &opened) == 0 && named.st_ino == opened.st_ino &&
           named.st_dev == opened.st_dev && faccessat(fd_, open_name().c_str(), F_OK, 0) == 0;
}

std::string RecordingFolder::numbered_name(uint64_t sequence) const {
    char digits[24];
    std::snprintf(digits, sizeof digits, ".%04llu", static_cast<unsigned long long>(sequence));
    return config_.prefix + digits + suffix_;
}

int RecordingFolder::create() const {
    const int file = openat(fd_, open_name().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0) fail(path(open_name()) + " cannot be made", errno);
    unlinkat(fd_, discarded_name().c_str(), 0);
    return file;
}

// It goes once the next one is there, or the folder is opened again: no file of its name has its inode before, by which
// the guard of a killed process may still look for it.
void RecordingFolder::discard() const {
    if (renameat(fd_, open_name().c_str(), fd_, discarded_name().c_str()) != 0)
        fail(path(open_name()) + " cannot be deleted", errno);
}

// NFS, CephFS, 9p and much of FUSE cannot refuse to replace (rename(2)). There it is looked first: the lock is ours,
// and nobody else makes files of that name.
bool RecordingFolder::rename_open(const std::string& name) const {
    if (renameat2(fd_, open_name().c_str(), fd_, name.c_str(), RENAME_NOREPLACE) == 0) return true;
    if (errno != EINVAL && errno != ENOSYS) return false;
    struct stat there {};
    if (fstatat(fd_, name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0) errno = EEXIST;
    return errno == ENOENT && renameat(fd_, open_name().c_str(), fd_, name.c_str()) == 0;
}

void RecordingFolder::number(uint64_t sequence, uint64_t bytes, Nanos last) {
    const std::string name = numbered_name(sequence);
    if (!rename_open(name)) fail(path(open_name()) + " cannot be renamed to " + name, errno);
    std::lock_guard guard(mutex_);
    files_[sequence] = {name, bytes, last};
    total_ += bytes;
    last_sequence_ = std::max(last_sequence_, sequence);
}

bool RecordingFolder::replace(uint64_t sequence, const std::string& name, uint64_t bytes) {
    std::lock_guard guard(mutex_);
    const auto found = files_.find(sequence);
    if (found == files_.end()) return false;
    total_ += bytes - found->second.bytes;
    found->second.name = name;
    found->second.bytes = bytes;
    return true;
}

bool RecordingFolder::over(uint64_t more, Nanos now) const {
    if (files_.empty()) return false;
    const File& oldest = files_.begin()->second;
    return (limit_ > 0 && total_ + more > limit_) || (config_.max_files > 0 && files_.size() > config_.max_files) ||
           (config_.max_age_seconds > 0 && oldest.last + config_.max_age_seconds * kSecond < now);
}

size_t RecordingFolder::make_room(uint64_t more, Nanos now) {
    std::lock_guard guard(mutex_);
    size_t deleted = 0;
    for (; over(more, now); ++deleted) {
        const auto oldest = files_.begin();
        // One that somebody else deleted is as good as deleted.
        if (unlinkat(fd_, oldest->second.name.c_str(), 0) != 0 && errno != ENOENT)
            fail(path(oldest->second.name) + " cannot be deleted", errno);
        total_ -= oldest->second.bytes;
        files_.erase(oldest);
    }
    return deleted;
}

std::map<uint64_t, std::string> RecordingFolder::files() {
    std::lock_guard guard(mutex_);
    std::map<uint64_t, std::string> names;
    for (const auto& [sequence, file] : files_) names[sequence] = file.name;
    return names;
}

}  // namespace sniffer
