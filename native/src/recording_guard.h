// Cuts back what a killed process left of a write.
//
// The kernel copies a write page by page and gives up between two pages once the process is to die
// (generic_perform_write() in mm/filemap.c), so a SIGKILL may leave a part of a packet at the end. A small process
// beside this one (native/guard) knows how long the file was after the last whole write, and cuts it to that when this
// one is gone.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <string>

namespace sniffer {

// What both processes see. The size counts only beside the inode it was stored for.
struct GuardedFile {
    std::atomic<uint64_t> inode;  // 0: no file
    std::atomic<uint64_t> size;
};
static_assert(std::atomic<uint64_t>::is_always_lock_free);

constexpr int kGuardMemoryFd = 3;  // GuardedFile; the guard's standard input ends with us

class RecordingGuard {
 public:
    RecordingGuard() = default;
    ~RecordingGuard() { stop(); }
    RecordingGuard(const RecordingGuard&) = delete;
    RecordingGuard& operator=(const RecordingGuard&) = delete;

    // `path`: of every file that is watched. Returns what went wrong; recording works without a guard.
    std::string start(const std::string& path);
    void stop();
    // From now on this file, which holds `size` bytes.
    void watch(int file, uint64_t size);
    void written(uint64_t size) {
        if (shared_) shared_->size.store(size, std::memory_order_release);
    }
    // Nothing, until the next watch().
    void rest() {
        if (shared_) shared_->inode.store(0, std::memory_order_release);
    }

 private:
    GuardedFile* shared_ = nullptr;
    int lifeline_ = -1;  // its other end is the guard's standard input
    pid_t process_ = -1;
};

}  // namespace sniffer
