#include "recording_guard.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

namespace sniffer {
namespace {

// It stands beside the library.
std::string program() {
    Dl_info info{};
    const bool found = dladdr(reinterpret_cast<const void*>(&program), &info) != 0 && info.dli_fname;
    const std::string library = found ? info.dli_fname : "";
    const size_t slash = library.rfind('/');
    return (slash == std::string::npos ? "./" : library.substr(0, slash + 1)) + "tcp-sniffer-recording-guard";
}

// Returns the error's number. All signals wait in the guard: it ends when we do, and not before.
int spawn(const std::string& path, int memory, int lifeline, pid_t& process) {
    const std::string name = program();
    char* arguments[] = {const_cast<char*>(name.c_str()), const_cast<char*>(path.c_str()), nullptr};
    char* environment[] = {nullptr};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, lifeline, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, memory, kGuardMemoryFd);
    posix_spawn_file_actions_addclosefrom_np(&files, kGuardMemoryFd + 1);  // libpcap's socket among them
    sigset_t all;
    sigfillset(&all);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    const int error = posix_spawn(&process, name.c_str(), &files, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return error;
}

}  // namespace

std::string RecordingGuard::start(const std::string& path) {
    const int memory = memfd_create("recording-guard", MFD_CLOEXEC);
    int ends[2] = {-1, -1};
    int error = memory < 0 || ftruncate(memory, sizeof(GuardedFile)) != 0 || pipe2(ends, O_CLOEXEC) != 0 ? errno : 0;
    if (error == 0) {
        void* mapped = mmap(nullptr, sizeof(GuardedFile), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
        error = mapped == MAP_FAILED ? errno : spawn(path, memory, ends[0], process_);
        if (mapped != MAP_FAILED && error != 0) munmap(mapped, sizeof(GuardedFile));
        if (error == 0) shared_ = static_cast<GuardedFile*>(mapped);
    }
    if (memory >= 0) close(memory);
    if (ends[0] >= 0) close(ends[0]);
    if (error == 0) lifeline_ = ends[1];
    if (error != 0 && ends[1] >= 0) close(ends[1]);
    return error == 0 ? std::string() : program() + ": " + std::strerror(error);
}

void RecordingGuard::stop() {
    if (!shared_) return;
    rest();
    close(std::exchange(lifeline_, -1));
    waitpid(std::exchange(process_, -1), nullptr, 0);
    munmap(std::exchange(shared_, nullptr), sizeof(GuardedFile));
}

void RecordingGuard::watch(int file, uint64_t size) {
    struct stat status {};
    if (!shared_ || fstat(file, &status) != 0) return;
    rest();
    shared_->size.store(size, std::memory_order_release);
    shared_->inode.store(status.st_ino, std::memory_order_release);
}

}  // namespace sniffer
