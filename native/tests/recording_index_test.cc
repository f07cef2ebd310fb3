// The index where something is in its way: what it says of a file comes in all the same, or later.
#include "recording_index.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

namespace sniffer {
namespace {

using namespace std::chrono_literals;

class Index : public testing::Test {
 protected:
    void SetUp() override {
        ASSERT_NE(mkdtemp(directory_.data()), nullptr);
        config_.directory = directory_;
        config_.prefix = "web";
        folder_.open();
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }

    // A file that is full.
    void end_file(RecordingIndex& index, uint64_t sequence) {
        close(folder_.create());
        std::ofstream(directory_ + "/web.pcap") << format_.header();
        folder_.number(sequence, format_.header().size(), 0);
        FileFacts facts;
        facts.sequence = sequence;
        index.add(facts);
    }
    std::string text() const {
        std::ifstream in(directory_ + "/index.jsonl");
        return {std::istreambuf_iterator<char>(in), {}};
    }
    bool comes(const std::string& what) const {
        for (const auto end = std::chrono::steady_clock::now() + 30s; std::chrono::steady_clock::now() < end;) {
            if (text().find(what) != std::string::npos) return true;
            std::this_thread::sleep_for(10ms);
        }
        return false;
    }
    std::string said() {
        std::string lines(64 << 10, '\0');
        lines.resize(events_.read(lines.data(), lines.size()));
        return lines;
    }

    std::string directory_ = "/tmp/index-test-XXXXXX";
    RecordingConfig config_;
    Ledger ledger_;
    Events events_{ledger_};
    const RecordingFormat format_{false, {1, 262144, "eth0", "host", ""}};
    RecordingFolder folder_{config_, ".pcap"};
    RecordingIndex index_{config_, folder_, format_, events_};
};

// As on a full volume.
TEST_F(Index, AFileThatCannotBeCompressedIsEnteredAsItIs) {
    config_.compress = RecordingConfig::Compress::gzip;
    std::filesystem::create_directory(directory_ + "/.web.0001.pcap.gz.part");
    std::filesystem::create_directory(directory_ + "/web.0002.pcap.gz");
    index_.start();
    for (const uint64_t sequence : {1, 2, 3}) end_file(index_, sequence);
    EXPECT_TRUE(comes("\"web.0003.pcap.gz\""));
    index_.stop();
    EXPECT_NE(text().find("\"web.0001.pcap\""), std::string::npos);
    EXPECT_NE(text().find("\"web.0002.pcap\""), std::string::npos);
    EXPECT_FALSE(std::filesystem::exists(directory_ + "/.web.0002.pcap.gz.part"));
    const std::string events = said();
    EXPECT_NE(events.find("web.0001.pcap.gz.part: File exists"), std::string::npos) << events;
    EXPECT_NE(events.find("web.0002.pcap.gz: Is a directory"), std::string::npos) << events;
}

TEST_F(Index, LinesThatAreNoneKeepNoOthers) {
    std::ofstream(directory_ + "/index.jsonl") << R"({"sequence":1,"name":,"firstTime":""})"
                                               << "\n"
                                               << R"({"sequence":1,"name":","firstTime":""})"
                                               << "\n"
                                               << R"({"sequence":1,"name":"web.0001.pcap","firstTime":""})"
                                               << "\n"
                                               << R"({"sequence":1,"name":"other.0001.pcap","firstTime":""})"
                                               << "\n";
    index_.start();
    index_.forget(1);
    index_.stop();
    EXPECT_EQ(text(), R"({"sequence":1,"name":"other.0001.pcap","firstTime":""})"
                      "\n");
    EXPECT_EQ(said(), "");
}

// Another recorder, which stands still; after five seconds it goes on.
class Other {
 public:
    explicit Other(const std::string& directory)
        : fd_(open((directory + "/.index.lock").c_str(), O_RDWR | O_CREAT, 0600)) {
        EXPECT_EQ(flock(fd_, LOCK_EX), 0);
        thread_ = std::thread([this] {
            for (int i = 0; i < 500 && !gone_; ++i) std::this_thread::sleep_for(10ms);
            close(fd_);
        });
    }
    ~Other() { leave(); }
    void leave() {
        gone_ = true;
        if (thread_.joinable()) thread_.join();
    }

 private:
    const int fd_;
    std::atomic<bool> gone_{false};
    std::thread thread_;
};

TEST_F(Index, StopWaitsForNobodyWhoKeepsTheLock) {
    const Other other(directory_);
    index_.start();
    for (const uint64_t sequence : {1, 2, 3}) end_file(index_, sequence);
    const auto before = std::chrono::steady_clock::now();
    index_.stop();
    EXPECT_LT(std::chrono::steady_clock::now() - before, 3s);
    EXPECT_EQ(text(), "");
    const std::string events = said();
    EXPECT_NE(events.find(".index.lock: another process holds it"), std::string::npos) << events;
    EXPECT_NE(events.find("\"lines\":3"), std::string::npos) << events;
}

TEST_F(Index, WhatWaitedForTheLockIsEnteredLater) {
    Other other(directory_);
    index_.start();
    end_file(index_, 1);
    std::this_thread::sleep_for(1500ms);
    EXPECT_EQ(text(), "");
    other.leave();
    EXPECT_TRUE(comes("\"web.0001.pcap\""));
    end_file(index_, 2);
    EXPECT_TRUE(comes("\"web.0002.pcap\""));
    index_.stop();
    EXPECT_EQ(text().find("\"web.0001.pcap\""), text().rfind("\"web.0001.pcap\""));
}

}  // namespace
}  // namespace sniffer
