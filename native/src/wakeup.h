// Ends another thread's wait.
#pragma once

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace sniffer {

class Wakeup {
 public:
    Wakeup() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
        if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
    }
    ~Wakeup() { close(fd_); }
    Wakeup(const Wakeup&) = delete;
    Wakeup& operator=(const Wakeup&) = delete;

    // From any thread. It lasts: a wait that begins later ends at once.
    void wake() {
        const uint64_t one = 1;
        // Fails only where the counter is full, and then it wakes already.
        [[maybe_unused]] const ssize_t written = write(fd_, &one, sizeof one);
    }

    // Waits until `fd` is readable (-1: for nothing), someone wakes us, or the time is over (-1:
    // never). True when `fd` is readable or has failed. Takes the wake-up.
    bool wait(int fd, int timeout_ms) {
        pollfd fds[2] = {{fd_, POLLIN, 0}, {fd, POLLIN, 0}};
        woken_ = false;
        if (poll(fds, 2, timeout_ms) <= 0) return false;
        uint64_t count;
        woken_ = fds[0].revents != 0 && read(fd_, &count, sizeof count) == sizeof count;
        return fds[1].revents != 0;
    }
    // Did the last wait end because someone woke us?
    bool woken() const { return woken_; }

 private:
    int fd_;
    bool woken_ = false;
};

}  // namespace sniffer
