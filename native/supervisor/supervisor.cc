// The image's entry point: `tcp-sniffer-supervisor COMMAND...`.
//
// A pod is Ready only while all of its containers run, native sidecars too, and the kubelet knows no exception
// (GenerateContainersReadyCondition in pkg/kubelet/status). So under ON_FATAL=idle, which the webhook sets, the first
// process of the container stays whatever becomes of the sniffer, and starts it again. Otherwise it becomes the command
// itself.
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>

namespace {

constexpr int kNotStarted = 127;      // as a shell says it
constexpr time_t kLongestPause = 30;  // seconds, between two starts
constexpr time_t kLongEnough = 60;    // seconds after which a start counts as a good one

bool stays() {
    const char* on_fatal = std::getenv("ON_FATAL");
    return on_fatal != nullptr && std::strcmp(on_fatal, "idle") == 0;
}

[[noreturn]] void become(char** command) {
    execvp(command[0], command);
    std::fprintf(stderr, "tcp-sniffer-supervisor: %s: %s\n", command[0], std::strerror(errno));
    _exit(kNotStarted);
}

// Where memory runs out it is the sniffer that goes. (Under cgroup v2 the kubelet lets the whole container go.)
void be_first_out_of_memory() {
    if (int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC); file >= 0) {
        [[maybe_unused]] ssize_t written = write(file, "1000", 4);
        close(file);
    }
}

pid_t start(char** command, const sigset_t& usual) {
    pid_t child = fork();
    if (child != 0) return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigprocmask(SIG_SETMASK, &usual, nullptr);
    be_first_out_of_memory();
    become(command);
}

// The startup probe's file: the app need not wait for a sniffer that ended.
void show_idle() {
    const char* folder = std::getenv("TMPDIR");
    std::string path = std::string(folder != nullptr && *folder != '\0' ? folder : "/run/tcp-sniffer") + "/idle";
    if (int file = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600); file >= 0) close(file);
}

// A line as short as these fits wherever there is any room (pipe(7), PIPE_BUF). Where nobody reads the log there is
// none, and the next start must not wait for it.
bool is_heard() {
    pollfd log{STDERR_FILENO, POLLOUT, 0};
    return poll(&log, 1, 0) == 1 && log.revents == POLLOUT;
}

void say(int status, time_t pause) {
    if (!is_heard()) return;
    std::fprintf(stderr,
                 "{\"level\": \"error\", \"event\": \"sniffer_ended\", \"%s\": %d, \"restartInSeconds\": %lld}\n",
                 WIFSIGNALED(status) ? "signal" : "exitCode",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), static_cast<long long>(pause));
}

class Supervisor {
 public:
    explicit Supervisor(char** command) : command_(command) {
        sigemptyset(&signals_);
        for (int one : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals_, one);
        sigprocmask(SIG_BLOCK, &signals_, &usual_);
    }

    // Returns the process's exit code.
    int run() {
        for (time_t pause = 1;; pause = std::min(2 * pause, kLongestPause)) {
            time_t began = time(nullptr);
            int status = until_ended(start(command_, usual_));
            if (stopping_ || status == 0) return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
            if (time(nullptr) - began >= kLongEnough) pause = 1;
            show_idle();
            say(status, pause);
            if (asked_to_stop_within(pause)) return 0;
        }
    }

 private:
    // Hands signals on; buries what else was left to the first process. Returns the child's wait status.
    int until_ended(pid_t child) {
        if (child < 0) return W_EXITCODE(kNotStarted, 0);
        for (;;) {
            int status = 0;
            for (pid_t ended = 0; (ended = waitpid(-1, &status, WNOHANG)) > 0;) {
                if (ended == child) return status;
            }
            if (int signal = sigwaitinfo(&signals_, nullptr); signal > 0 && signal != SIGCHLD) {
                stopping_ = stopping_ || signal != SIGHUP;
                kill(child, signal);
            }
        }
    }

    bool asked_to_stop_within(time_t seconds) {
        for (timespec end = now(seconds), left{}; (left = until(end)).tv_sec >= 0;) {
            int signal = sigtimedwait(&signals_, nullptr, &left);
            if (signal == SIGTERM || signal == SIGINT) return true;
        }
        return false;
    }

    static timespec now(time_t later) {
        timespec moment{};
        clock_gettime(CLOCK_MONOTONIC, &moment);
        moment.tv_sec += later;
        return moment;
    }

    // Whole seconds below zero once it is over.
    static timespec until(const timespec& end) {
        timespec moment = now(0);
        long long nanoseconds = (end.tv_sec - moment.tv_sec) * 1'000'000'000LL + (end.tv_nsec - moment.tv_nsec);
        if (nanoseconds <= 0) return {-1, 0};
        return {static_cast<time_t>(nanoseconds / 1'000'000'000), static_cast<long>(nanoseconds % 1'000'000'000)};
    }

    char** command_;
    sigset_t signals_{};
    sigset_t usual_{};
    bool stopping_ = false;
};

}  // namespace

int main(int count, char** arguments) {
    if (count < 2) {
        std::fprintf(stderr, "usage: tcp-sniffer-supervisor COMMAND...\n");
        return 2;
    }
    if (!stays()) become(arguments + 1);
    return Supervisor(arguments + 1).run();
}
