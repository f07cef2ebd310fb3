// The supervisor as a process, with a shell in the sniffer's place.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace {

struct Ended {
    int code;
    std::string said;
};

class Supervisor : public testing::Test {
 protected:
    void SetUp() override { ASSERT_NE(mkdtemp(folder_.data()), nullptr); }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    // `script` runs in the folder where the supervisor shows that it is idle; `before`, in the shell that starts it.
    Ended run(const std::string& on_fatal, const std::string& script, const std::string& before = "exec 2>&1") {
        std::string command = "cd " + folder_ + "; " + before + "; TMPDIR=" + folder_ + " ON_FATAL=" + on_fatal +
                              " exec timeout 60 " + SUPERVISOR + " sh -c '" + script + "'";
        FILE* pipe = popen(command.c_str(), "r");
        std::string said;
        for (int byte = 0; (byte = std::fgetc(pipe)) != EOF;) said += static_cast<char>(byte);
        int status = pclose(pipe);
        return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, said};
    }

    std::string folder_ = "/tmp/supervisor-test-XXXXXX";
};

TEST_F(Supervisor, BecomesTheCommandWhereItNeedNotStay) { EXPECT_EQ(run("exit", "exit 7").code, 7); }

TEST_F(Supervisor, StartsAgainWhatWasKilledAndShowsThatItIsIdle) {
    Ended ended = run("idle", "[ -e idle ] && exit 0; kill -9 $$");
    EXPECT_EQ(ended.code, 0);
    EXPECT_NE(ended.said.find("\"signal\": 9"), std::string::npos) << ended.said;
}

TEST_F(Supervisor, StartsAgainWhatFailedAndSaysHow) {
    Ended ended = run("idle", "[ -e idle ] && exit 0; exit 3");
    EXPECT_EQ(ended.code, 0);
    EXPECT_NE(ended.said.find("\"exitCode\": 3"), std::string::npos) << ended.said;
}

TEST_F(Supervisor, StartsAgainThoughNobodyReadsWhatItSays) {
    // A pipe of which the shell holds both ends, filled by dd.
    const std::string full = "mkfifo log; exec 2<>log; dd if=/dev/zero of=log bs=4096 oflag=nonblock 2>errors";
    EXPECT_EQ(run("idle", "[ -e idle ] && exit 0; exit 3", full).code, 0);
}

TEST_F(Supervisor, HandsOnTheRequestToStopAndPassesTheExitCode) {
    EXPECT_EQ(run("idle", "trap \"exit 5\" TERM; kill -TERM $PPID; while :; do sleep 0.1; done").code, 5);
}

TEST_F(Supervisor, StopsWhileItWaits) {
    // What is left behind asks for the end in the pause after the failure.
    EXPECT_EQ(run("idle", "parent=$PPID; (until [ -e idle ]; do sleep 0.1; done; kill -TERM $parent) & exit 3").code,
              0);
}

TEST_F(Supervisor, ItsChildIsTheFirstToGoWhereMemoryRunsOut) {
    EXPECT_EQ(run("idle", "cat /proc/self/oom_score_adj").said, "1000\n");
}

}  // namespace
