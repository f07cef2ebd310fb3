// A live recording with all its threads: the capture's, the writer's, the index's and the stream's.
#include <filesystem>
#include <fstream>
#include <iterator>

#include "live_capture.h"

namespace sniffer {
namespace {

class LiveRecording : public testing::Test {
 protected:
    void SetUp() override { ASSERT_NE(mkdtemp(folder_.data()), nullptr); }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    std::string recording(const std::string& more) const {
        return R"("recording":{"enabled":true,"directory":")" + folder_ + R"(","prefix":"web",)" + more + "}";
    }
    size_t files(const std::string& suffix) const {
        size_t found = 0;
        for (const auto& entry : std::filesystem::directory_iterator(folder_))
            found += entry.path().string().ends_with(suffix);
        return found;
    }
    std::string text(const std::string& name) const {
        std::ifstream in(folder_ + "/" + name, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }

    std::string folder_ = "/tmp/live-recording-XXXXXX";
};

constexpr const char* kAsk = "GET / HTTP/1.1\r\n\r\n";
std::string answer(const char* status, size_t body) {
    return std::string("HTTP/1.1 ") + status + " X\r\nContent-Length: " + std::to_string(body) + "\r\n\r\n" +
           std::string(body, 'x');
}

// Reads what the stream sends until it ends.
class StreamClient {
 public:
    explicit StreamClient(int port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<uint16_t>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
        reader_ = std::thread([this] {
            char buffer[65536];
            for (ssize_t got = 1; (got = recv(fd_, buffer, sizeof buffer, 0)) > 0;) bytes_ += static_cast<size_t>(got);
        });
    }
    ~StreamClient() {
        reader_.join();
        close(fd_);
    }
    bool connected() const { return connected_; }
    size_t bytes() const { return bytes_; }

 private:
    const int fd_;
    bool connected_ = false;
    std::atomic<size_t> bytes_{0};
    std::thread reader_;
};

int free_port() { return Pair().port(); }

// Rotated, compressed, deleted and streamed while it is read: every packet is counted once.
TEST_F(LiveRecording, AllThreadsAtOnce) {
    Pair pair;
    const int stream = free_port();
    LiveCapture capture(
        pair.port(),
        recording(R"("rotateBytes":65536,"compress":"gzip","maxFiles":3,"format":"pcapng","streamListen":"127.0.0.1:)" +
                  std::to_string(stream) + "\""));
    ASSERT_TRUE(capture.open());
    pair.connect();
    {
        StreamClient client(stream), other(stream);
        ASSERT_TRUE(client.connected() && other.connected());
        EXPECT_TRUE(in_time([&] {
            pair.ask(kAsk);
            pair.answer(answer("200", 100000));
            return capture.stat("recording", "recorded") > 200 && client.bytes() > 100000 && files(".gz") == 3;
        }));
        EXPECT_GT(capture.drain(), 0u);
    }
    EXPECT_EQ(capture.stat("recording", "offered"),
              capture.stat("recording", "recorded") + capture.stat("recording", "not_recorded"));
}

TEST_F(LiveRecording, ATriggerKeepsWhatCameBefore) {
    Pair pair;
    LiveCapture capture(pair.port(), recording(R"("trigger":"match","triggerStatus":500,"preTriggerSeconds":60)"));
    ASSERT_TRUE(capture.open());
    pair.connect();
    pair.ask(kAsk);
    pair.answer(answer("200", 1000));
    EXPECT_TRUE(in_time([&] { return capture.stat("messages", "produced") == 2; }));
    EXPECT_EQ(capture.stat("recording", "recorded"), 0u);
    pair.ask("GET /later HTTP/1.1\r\n\r\n");
    pair.answer(answer("503", 1000));
    EXPECT_TRUE(in_time([&] { return capture.stat("recording", "recorded") > 0; }));
    EXPECT_EQ(capture.drain(), 4u);
    const std::string file = text("web.pcap");
    EXPECT_NE(file.find("GET / "), std::string::npos);
    EXPECT_NE(file.find("GET /later "), std::string::npos);
}

}  // namespace
}  // namespace sniffer
