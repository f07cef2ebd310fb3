// `tcp-sniffer-recording-guard FILE`: waits for the end of the process that records to FILE, and cuts off what a kill
// left of its last write. See src/recording_guard.h.
#include "recording_guard.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

int main(int count, char** arguments) {
    if (count != 2) return 2;
    void* mapped = mmap(nullptr, sizeof(sniffer::GuardedFile), PROT_READ, MAP_SHARED, sniffer::kGuardMemoryFd, 0);
    if (mapped == MAP_FAILED) return 1;
    const auto* guarded = static_cast<const sniffer::GuardedFile*>(mapped);

    // Nothing is ever written there: this returns once the last thread of the other process let go of it, so that no
    // write is under way any more.
    char byte;
    while (read(STDIN_FILENO, &byte, 1) < 0 && errno == EINTR) continue;

    const uint64_t inode = guarded->inode.load(std::memory_order_acquire);
    const uint64_t size = guarded->size.load(std::memory_order_acquire);
    if (inode == 0) return 0;
    const int file = open(arguments[1], O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    struct stat status {};
    if (file < 0 || fstat(file, &status) != 0 || status.st_ino != inode) return 0;  // it has its number already
    return static_cast<uint64_t>(status.st_size) > size && ftruncate(file, static_cast<off_t>(size)) != 0 ? 1 : 0;
}
