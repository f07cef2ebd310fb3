// What a confined thread can still do, and what it can't: tried in a process of its own, for there is no way back.
#include "confine.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <functional>
#include <string>
#include <thread>

namespace sniffer {
namespace {

// Runs in a confined child; an empty text is a success.
std::string confined(const std::function<std::string()>& attempt) {
    int ends[2];
    if (pipe(ends) != 0) return "no pipe";
    const pid_t child = fork();
    if (child == 0) {
        forbid_core_dumps();
        std::string said = confine_thread();
        if (said.empty()) said = attempt();
        [[maybe_unused]] const ssize_t written = write(ends[1], said.data(), said.size());
        _exit(0);
    }
    close(ends[1]);
    std::string said;
    char part[256];
    for (ssize_t got = 0; (got = read(ends[0], part, sizeof part)) > 0;) said.append(part, static_cast<size_t>(got));
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? said : said + " it was killed";
}

struct Attempt {
    const char* name;
    std::function<long()> call;
};

constexpr long kThread = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM;

TEST(Confine, RefusesWhatASnifferDoesNotDo) {
    const Attempt attempts[] = {
        {"another program", [] { return syscall(SYS_execve, "/bin/true", nullptr, nullptr); }},
        {"another program by descriptor",
         [] { return syscall(SYS_execveat, AT_FDCWD, "/bin/true", nullptr, nullptr, 0); }},
        {"another process", [] { return syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr); }},
        {"a packet socket", [] { return long{socket(AF_PACKET, SOCK_RAW, 0)}; }},
        {"a virtual machine's socket", [] { return long{socket(AF_VSOCK, SOCK_STREAM, 0)}; }},
        {"to trace", [] { return ptrace(PTRACE_TRACEME, 0, nullptr, nullptr); }},
        {"another process's memory",
         [] { return syscall(SYS_process_vm_readv, getppid(), nullptr, 0, nullptr, 0, 0); }},
        {"another process's descriptor", [] { return syscall(SYS_pidfd_open, getppid(), 0); }},
        {"another process's facts", [] { return syscall(SYS_kcmp, getpid(), getppid(), 0, 0, 0); }},
        {"to kill", [] { return syscall(SYS_kill, getppid(), 0); }},
        {"to kill by a thread's number", [] { return syscall(SYS_tkill, getppid(), 0); }},
        {"to kill another's thread", [] { return syscall(SYS_tgkill, getppid(), getppid(), 0); }},
        {"to kill, with the number in half of a register",
         [] { return syscall(SYS_tgkill, (1L << 32) | getppid(), getppid(), 0); }},
        {"to signal with a value", [] { return syscall(SYS_rt_sigqueueinfo, getppid(), 0, nullptr); }},
        {"to signal a thread with a value",
         [] { return syscall(SYS_rt_tgsigqueueinfo, getppid(), getppid(), 0, nullptr); }},
        {"to signal by a descriptor", [] { return syscall(SYS_pidfd_send_signal, 0, 0, nullptr, 0); }},
        {"an owner whom the kernel signals", [] { return long{fcntl(STDIN_FILENO, F_SETOWN, getppid())}; }},
        {"an owner by its kind", [] { return long{fcntl(STDIN_FILENO, F_SETOWN_EX, nullptr)}; }},
        {"which signal that is", [] { return long{fcntl(STDIN_FILENO, F_SETSIG, SIGKILL)}; }},
        {"an owner by ioctl", [] { return long{ioctl(STDIN_FILENO, FIOSETOWN, nullptr)}; }},
        {"an owner of a socket", [] { return long{ioctl(STDIN_FILENO, SIOCSPGRP, nullptr)}; }},
        {"to type into a terminal", [] { return long{ioctl(STDIN_FILENO, TIOCSTI, "x")}; }},
        {"an interface's settings", [] { return long{ioctl(STDIN_FILENO, SIOCSIFFLAGS, nullptr)}; }},
        {"another's processors", [] { return syscall(SYS_sched_setaffinity, getppid(), 0, nullptr); }},
        {"another's scheduling", [] { return syscall(SYS_sched_setscheduler, getppid(), 0, nullptr); }},
        {"another's priority", [] { return syscall(SYS_setpriority, PRIO_PROCESS, getppid(), 19); }},
        {"another's limits", [] { return syscall(SYS_prlimit64, getppid(), RLIMIT_CORE, nullptr, nullptr); }},
        {"another's list of locks", [] { return syscall(SYS_get_robust_list, getppid(), nullptr, nullptr); }},
        {"to count events of the processor", [] { return syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0); }},
        {"to serve page faults", [] { return syscall(SYS_userfaultfd, 0); }},
        {"the kernel's ciphers", [] { return long{socket(AF_ALG, SOCK_SEQPACKET, 0)}; }},
        {"a raw socket", [] { return long{socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)}; }},
        {"the kernel's other tables", [] { return long{socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER)}; }},
        {"a pair of another kind",
         [] {
             int ends[2];
             return long{socketpair(AF_TIPC, SOCK_STREAM, 0, ends)};
         }},
        {"to mount", [] { return long{mount("none", "/tmp", "tmpfs", 0, nullptr)}; }},
        {"another namespace", [] { return long{unshare(CLONE_NEWUSER)}; }},
        {"a thread in another namespace", [] { return syscall(SYS_clone, kThread | CLONE_NEWNET, nullptr, 0, 0, 0); }},
        {"a program in the kernel", [] { return syscall(SYS_bpf, BPF_MAP_CREATE, nullptr, 0); }},
        {"io_uring, which no filter sees", [] { return syscall(SYS_io_uring_setup, 1, nullptr); }},
        {"the clock", [] { return syscall(SYS_clock_settime, CLOCK_REALTIME, nullptr); }},
        {"a device", [] { return syscall(SYS_mknodat, AT_FDCWD, "/tmp/x", 0, 0); }},
        {"another user", [] { return syscall(SYS_setuid, 1); }},
        {"a higher limit",
         [] {
             const rlimit most{RLIM_INFINITY, RLIM_INFINITY};
             return syscall(SYS_prlimit64, 0, RLIMIT_CORE, &most, nullptr);
         }},
        {"core dumps again", [] { return long{prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)}; }},
    };
    for (const Attempt& attempt : attempts)
        EXPECT_EQ(confined([&] {
                      if (attempt.call() != -1) return std::string("was allowed");
                      return errno == ENOSYS ? std::string() : std::string("failed otherwise: ") + std::strerror(errno);
                  }),
                  "")
            << attempt.name;
}

TEST(Confine, AllowsWhatASnifferDoes) {
    EXPECT_EQ(confined([] {
                  for (const int family : {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK}) {
                      const int type = family == AF_NETLINK ? SOCK_RAW : SOCK_STREAM;
                      const int opened = socket(family, type | SOCK_CLOEXEC, 0);
                      if (opened < 0 && errno != EAFNOSUPPORT) return std::string("no socket");
                      close(opened);
                  }
                  if (eventfd(0, EFD_CLOEXEC) < 0 || epoll_create1(EPOLL_CLOEXEC) < 0) return std::string("no waiting");
                  const int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
                  if (file < 0 || fcntl(file, F_DUPFD_CLOEXEC, 3) < 0) return std::string("no file");
                  bool ran = false;
                  std::thread([&] {
                      ran = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
                  }).join();
                  return ran ? std::string() : std::string("no thread");
              }),
              "");
}

TEST(Confine, AllowsSignalsToItself) {
    EXPECT_EQ(confined([] {
                  std::signal(SIGUSR1, [](int) {});
                  rlimit limit{};
                  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::string("no limit");
                  if (pthread_kill(pthread_self(), SIGUSR1) != 0) return std::string("no signal to a thread");
                  return std::raise(SIGUSR1) == 0 ? std::string() : std::string("no signal");
              }),
              "");
}

TEST(Confine, LeavesNoCapability) {
    EXPECT_EQ(confined([] {
                  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
                  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
                  if (syscall(SYS_capget, &header, data) != 0) return std::string("capget failed");
                  for (const auto& part : data)
                      if (part.effective | part.permitted | part.inheritable) return std::string("some are left");
                  return std::string();
              }),
              "");
}

}  // namespace
}  // namespace sniffer
