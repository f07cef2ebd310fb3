#include "confine.h"

#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace sniffer {
namespace {

// What the interpreter, its libraries and the engine call once the capture is open. Some names are unknown to some
// architectures: those are passed over.
constexpr const char* kAllowed[] = {
    // memory
    "brk",
    "mmap",
    "munmap",
    "mremap",
    "mprotect",
    "madvise",
    "membarrier",
    // files
    "open",
    "openat",
    "read",
    "readv",
    "pread64",
    "preadv",
    "write",
    "writev",
    "pwrite64",
    "pwritev",
    "lseek",
    "close",
    "close_range",
    "stat",
    "fstat",
    "lstat",
    "newfstatat",
    "statx",
    "statfs",
    "fstatfs",
    "access",
    "faccessat",
    "faccessat2",
    "readlink",
    "readlinkat",
    "getcwd",
    "getdents64",
    "mkdir",
    "mkdirat",
    "unlink",
    "unlinkat",
    "rename",
    "renameat",
    "renameat2",
    "truncate",
    "ftruncate",
    "fallocate",
    "fsync",
    "fdatasync",
    "sync_file_range",
    "flock",
    "fcntl",
    "ioctl",
    "dup",
    "dup2",
    "dup3",
    "pipe",
    "pipe2",
    "sendfile",
    "copy_file_range",
    "fadvise64",
    "umask",
    "chmod",
    "fchmod",
    "fchmodat",
    // waiting; the event loop has its one ring from before, and no thread can make another
    "poll",
    "ppoll",
    "select",
    "pselect6",
    "epoll_create",
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "io_uring_enter",
    "eventfd2",
    "timerfd_create",
    "timerfd_settime",
    "timerfd_gettime",
    "signalfd4",
    "nanosleep",
    "clock_nanosleep",
    "pause",
    "restart_syscall",
    // signals
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigtimedwait",
    "rt_sigpending",
    "sigaltstack",
    "tgkill",
    // threads, and the end
    "futex",
    "futex_waitv",
    "set_robust_list",
    "get_robust_list",
    "rseq",
    "set_tid_address",
    "sched_yield",
    "sched_getaffinity",
    "sched_getparam",
    "sched_getscheduler",
    "gettid",
    "exit",
    "exit_group",
    "wait4",
    "waitid",
    // what it is, and when
    "clock_gettime",
    "clock_getres",
    "gettimeofday",
    "time",
    "times",
    "getpid",
    "getppid",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "getgroups",
    "getresuid",
    "getresgid",
    "getrandom",
    "uname",
    "sysinfo",
    "getrusage",
    "getrlimit",
    "getcpu",
    "capget",
    "arch_prctl",
    // the network
    "socketpair",
    "connect",
    "bind",
    "listen",
    "accept",
    "accept4",
    "getsockname",
    "getpeername",
    "getsockopt",
    "setsockopt",
    "sendto",
    "sendmsg",
    "sendmmsg",
    "recvfrom",
    "recvmsg",
    "recvmmsg",
    "shutdown",
};

// The sockets that it may open from now on: those of names, addresses and deliveries.
constexpr int kFamilies[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
// PR_SET_VMA: the allocator names its memory.
constexpr int kProcessControls[] = {PR_SET_NAME, PR_GET_NAME, 0x53564d41};

std::string failed(const char* what, int error) { return std::string(what) + ": " + std::strerror(error); }

// Without an ambient or inheritable one, no later program could have it back either.
std::string drop_capabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);  // kernels before 4.3 have none
    return syscall(SYS_capset, &header, none) == 0 ? std::string() : failed("capset", errno);
}

class Filter {
 public:
    // An unknown call of a newer libc is refused as an old kernel would: then there is another way.
    Filter() : context_(seccomp_init(SCMP_ACT_ERRNO(ENOSYS))) {
        if (!context_) return;
        for (const char* name : kAllowed) allow(name);
        for (const int family : kFamilies) allow("socket", SCMP_A0(SCMP_CMP_EQ, static_cast<unsigned>(family)));
        for (const int option : kProcessControls) allow("prctl", SCMP_A0(SCMP_CMP_EQ, static_cast<unsigned>(option)));
        // Threads, not processes. clone3 has its flags in memory, where no filter looks: the libc falls back to clone.
        allow("clone", SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
        allow("prlimit64", SCMP_A2(SCMP_CMP_EQ, 0));  // to read a limit, not to set one
    }

    // Returns an errno. Sets no_new_privs, too.
    int load() {
        if (!context_) return ENOMEM;
        return error_ != 0 ? error_ : -seccomp_load(context_.get());
    }

 private:
    template <typename... Comparison>
    void allow(const char* name, Comparison... comparison) {
        const int number = seccomp_syscall_resolve_name(name);
        if (number < 0) return;
        const int result =
            seccomp_rule_add(context_.get(), SCMP_ACT_ALLOW, number, sizeof...(comparison), comparison...);
        if (result != 0) error_ = -result;
    }

    struct Release {
        void operator()(void* context) const { seccomp_release(context); }
    };
    std::unique_ptr<void, Release> context_;
    int error_ = 0;
};

}  // namespace

std::string confine_thread() {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("no_new_privs", errno);
    if (std::string error = drop_capabilities(); !error.empty()) return error;
    const int error = Filter().load();
    return error == 0 ? std::string() : failed("seccomp", error);
}

void forbid_core_dumps() {
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);  // a core_pattern that is a program heeds no limit (core(5))
}

}  // namespace sniffer
