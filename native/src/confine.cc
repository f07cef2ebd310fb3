#include "confine.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
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

constexpr unsigned kTcgets2 = 0x802c542a;  // isatty(3) of newer libcs; in a header that excludes the libc's own

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
    // threads, and the end
    "futex",
    "futex_waitv",
    "set_robust_list",
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
constexpr int kFamilies[] = {AF_UNIX, AF_INET, AF_INET6};
constexpr int kSocketTypes[] = {SOCK_STREAM, SOCK_DGRAM};
constexpr unsigned kSocketType = 0xf;  // beside it in the argument: SOCK_CLOEXEC, SOCK_NONBLOCK
// PR_SET_VMA: the allocator names its memory.
constexpr int kProcessControls[] = {PR_SET_NAME, PR_GET_NAME, 0x53564d41};
// None that names an owner: to that process the kernel would send the signal of one's choice (fcntl(2), F_SETOWN).
constexpr int kDescriptorControls[] = {
    F_DUPFD,  F_DUPFD_CLOEXEC, F_GETFD,     F_SETFD,      F_GETFL,     F_SETFL,     F_GETLK,      F_SETLK,
    F_SETLKW, F_OFD_GETLK,     F_OFD_SETLK, F_OFD_SETLKW, F_GET_SEALS, F_ADD_SEALS, F_GETPIPE_SZ, F_SETPIPE_SZ};
// Of interfaces: their names, and for libpcap whether one is up. Nothing that types into a terminal (TIOCSTI), nor
// another way to name an owner (FIOSETOWN).
constexpr unsigned kDeviceControls[] = {FIONBIO,    FIONREAD, FIOCLEX,     FIONCLEX,     TCGETS,
                                        TIOCGWINSZ, kTcgets2, SIOCGIFNAME, SIOCGIFINDEX, SIOCGIFFLAGS};
constexpr unsigned kNewNamespaces =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

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
        allow_sockets();
        allow_controls();
        allow_of_itself();
    }

    // Returns an errno. Sets no_new_privs, too.
    int load() {
        if (!context_) return ENOMEM;
        return error_ != 0 ? error_ : -seccomp_load(context_.get());
    }

 private:
    void allow_sockets() {
        for (const int family : kFamilies)
            for (const int type : kSocketTypes)
                allow("socket", equals(0, family), SCMP_A1(SCMP_CMP_MASKED_EQ, kSocketType, unsigned(type)));
        allow("socket", equals(0, AF_NETLINK), equals(2, NETLINK_ROUTE));
        allow("socketpair", equals(0, AF_UNIX));
    }

    void allow_controls() {
        for (const int option : kProcessControls) allow("prctl", equals(0, option));
        for (const int command : kDescriptorControls) allow("fcntl", equals(1, command));
        for (const unsigned request : kDeviceControls) allow("ioctl", equals(1, request));
    }

    // What would reach other processes under another argument.
    void allow_of_itself() {
        // Threads, not processes. clone3 has its flags in memory, where no filter looks: the libc falls back to clone.
        allow("clone", SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD | kNewNamespaces, CLONE_THREAD));
        allow("tgkill", equals(0, unsigned(getpid())));
        // To read a limit, not to set one.
        for (const unsigned process : {0U, unsigned(getpid())})
            allow("prlimit64", equals(0, process), SCMP_A2(SCMP_CMP_EQ, 0));
    }

    // Of arguments that are 32 bits wide: what stands in the rest of the register the kernel does not look at.
    static scmp_arg_cmp equals(unsigned argument, unsigned value) {
        return SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, 0xffffffff, value);
    }

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
