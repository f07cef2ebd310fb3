// The guard's process, and a recording process that is killed in the middle of a write.
#include "recording_guard.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

namespace sniffer {
namespace {

class Guard : public testing::Test {
 protected:
    void SetUp() override { ASSERT_NE(mkdtemp(folder_.data()), nullptr); }
    void TearDown() override {
        unlink(path_.c_str());
        unlink((path_ + ".0001").c_str());
        rmdir(folder_.c_str());
    }

    // Runs `record` in a process of its own, which is killed after that; returns once its guard has ended, too.
    template <typename Record>
    void record_and_die(Record record) {
        int ends[2];  // the guard inherits the writing end as its standard output
        ASSERT_EQ(pipe(ends), 0);
        const pid_t child = fork();
        if (child == 0) {
            dup2(ends[1], STDOUT_FILENO);
            fcntl(ends[0], F_SETFD, FD_CLOEXEC);
            fcntl(ends[1], F_SETFD, FD_CLOEXEC);
            RecordingGuard guard;
            if (!guard.start(path_).empty()) _exit(1);
            record(guard, open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
            raise(SIGKILL);
        }
        close(ends[1]);
        int status = 0;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        EXPECT_TRUE(WIFSIGNALED(status));
        char byte;
        EXPECT_EQ(read(ends[0], &byte, 1), 0);
        close(ends[0]);
    }
    static off_t size(const std::string& path) {
        struct stat status {};
        return stat(path.c_str(), &status) == 0 ? status.st_size : -1;
    }
    static void append(int file, size_t bytes) {
        const std::string text(bytes, 'x');
        if (write(file, text.data(), bytes) != static_cast<ssize_t>(bytes)) _exit(2);
    }
    // The file's header and a packet.
    static void write_whole(RecordingGuard& guard, int file) {
        append(file, 24);
        guard.watch(file, 24);
        append(file, 1000);
        guard.written(1024);
    }

    std::string folder_ = "/tmp/guard-test-XXXXXX", path_;
};

TEST_F(Guard, CutsOffAWriteThatAKillCutShort) {
    path_ = folder_ + "/one.pcap";
    record_and_die([](RecordingGuard& guard, int file) {
        write_whole(guard, file);
        append(file, 300);  // the kernel's part of a longer write
    });
    EXPECT_EQ(size(path_), 1024);
}

TEST_F(Guard, LeavesAloneWhatIsWhole) {
    path_ = folder_ + "/one.pcap";
    record_and_die(write_whole);
    EXPECT_EQ(size(path_), 1024);
}

// It was renamed, and another process began a file of the same name.
TEST_F(Guard, LeavesAloneAnotherFileOfThatName) {
    path_ = folder_ + "/one.pcap";
    record_and_die([this](RecordingGuard& guard, int file) {
        append(file, 24);
        guard.watch(file, 24);
        rename(path_.c_str(), (path_ + ".0001").c_str());
        append(open(path_.c_str(), O_WRONLY | O_CREAT, 0600), 500);
    });
    EXPECT_EQ(size(path_), 500);
    EXPECT_EQ(size(path_ + ".0001"), 24);
}

TEST_F(Guard, LeavesAloneAFileThatIsNotWatchedAnyMore) {
    path_ = folder_ + "/one.pcap";
    record_and_die([](RecordingGuard& guard, int file) {
        append(file, 24);
        guard.watch(file, 24);
        guard.rest();
        append(file, 100);
    });
    EXPECT_EQ(size(path_), 124);
}

TEST_F(Guard, EndsWithTheRecording) {
    path_ = folder_ + "/one.pcap";
    RecordingGuard guard;
    ASSERT_EQ(guard.start(path_), "");
    guard.stop();
    EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);  // no child is left
}

}  // namespace
}  // namespace sniffer
