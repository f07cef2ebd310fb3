// The live stream where descriptors run out.
#include "recording_stream.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <thread>

namespace sniffer {
namespace {

using namespace std::chrono_literals;

// No descriptor more, until it goes.
class DescriptorLimit {
 public:
    DescriptorLimit() {
        getrlimit(RLIMIT_NOFILE, &before_);
        const rlimit limit{3, before_.rlim_max};
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    ~DescriptorLimit() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
    rlimit before_{};
};

double cpu_seconds() {
    timespec time{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

class Stream : public testing::Test {
 protected:
    void SetUp() override {
        // A port that is free, and a client's socket.
        const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        address_.sin_family = AF_INET;
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address_;
        ASSERT_EQ(bind(probe, at(), size), 0);
        ASSERT_EQ(getsockname(probe, at(), &size), 0);
        close(probe);
        client_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    }
    void TearDown() override { close(client_); }
    sockaddr* at() { return reinterpret_cast<sockaddr*>(&address_); }
    std::string listen() const { return "127.0.0.1:" + std::to_string(ntohs(address_.sin_port)); }

    sockaddr_in address_{};
    int client_ = -1;
    Ledger ledger_;
    Events events_{ledger_};
    const RecordingFormat format_{true, {1, 262144, "eth0", "host", ""}};
};

TEST_F(Stream, SaysWhyItDoesNotListen) {
    {
        const DescriptorLimit limit;
        const RecordingStream stream(listen(), format_, ledger_.recording, events_);
    }
    std::string lines(4096, '\0');
    lines.resize(events_.read(lines.data(), lines.size()));
    EXPECT_NE(lines.find("Too many open files"), std::string::npos) << lines;
}

TEST_F(Stream, AClientForWhomThereIsNoDescriptorCostsNothingAndIsServedLater) {
    RecordingStream stream(listen(), format_, ledger_.recording, events_);
    stream.start();
    {
        const DescriptorLimit limit;
        ASSERT_EQ(connect(client_, at(), sizeof address_), 0);
        const double before = cpu_seconds();
        std::this_thread::sleep_for(1500ms);
        EXPECT_LT(cpu_seconds() - before, 0.1);
    }
    std::string header(format_.header().size(), '\0');
    ASSERT_EQ(recv(client_, header.data(), header.size(), MSG_WAITALL), static_cast<ssize_t>(header.size()));
    EXPECT_EQ(header, format_.header());
    stream.stop();
}

}  // namespace
}  // namespace sniffer
