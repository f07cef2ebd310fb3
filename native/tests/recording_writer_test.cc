// Packets to files where writes fall short: what is in the files is whole, and every packet is counted once.
#include "recording_writer.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "recording_survey.h"

namespace sniffer {
namespace {

constexpr size_t kPacket = 1000, kPackets = 100;  // of a chunk
constexpr uint64_t kInFile = kPackets * (sizeof(PcapRecord) + kPacket);

// The kernel ends writes at this size, as it does at a volume's end; the rest fails.
class FileSizeLimit {
 public:
    explicit FileSizeLimit(rlim_t bytes) {
        signal(SIGXFSZ, SIG_IGN);
        getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit limit{bytes, before_.rlim_max};
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
    rlimit before_{};
};

class Writer : public testing::TestWithParam<bool> {
 protected:
    void SetUp() override {
        ASSERT_NE(mkdtemp(folder_.data()), nullptr);
        config_.directory = folder_;
        config_.prefix = "web";
        config_.pcapng = GetParam();
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    SharedChunk chunk(const RecordingSession& session) {
        SharedChunk out = pool_->get();
        const std::string bytes(kPacket, 'x');
        for (uint32_t i = 0; i < kPackets; ++i)
            out->add({1'700'000'000, i, kPacket, kPacket}, bytes.data(), sizeof(PcapRecord) + kPacket);
        out->session = session.number;
        out->sequence = session.sequence;
        out->first = out->last = 1'700'000'000 * kSecond;
        return out;
    }
    uint64_t packets_in_files() {
        uint64_t packets = 0;
        for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
            if (entry.path().string().find(".pcap") == std::string::npos || entry.path().extension() == ".lock")
                continue;
            const FileSurvey survey = survey_file(entry.path(), format_);
            EXPECT_EQ(survey.whole, survey.bytes) << entry.path();
            packets += survey.packets;
        }
        return packets;
    }

    std::string folder_ = "/tmp/writer-test-XXXXXX";
    RecordingConfig config_;
    Ledger ledger_;
    Events events_{ledger_};
    const RecordingFormat format_{GetParam(), {1, 262144, "eth0", "host", ""}};
    const std::shared_ptr<ChunkPool> pool_ = std::make_shared<ChunkPool>(16 << 20);
};

TEST_P(Writer, CutsBackAShortWriteAndGoesOnInANewFile) {
    constexpr uint64_t kChunks = 7;
    const FileSizeLimit limit(static_cast<rlim_t>(2.5 * kInFile));
    RecordingWriter writer(config_, format_, ledger_, events_);
    writer.start();
    const RecordingSession first = writer.session();
    for (uint64_t i = 0; i < kChunks - 1; ++i) writer.push(chunk(first));
    // The third fell short; those behind it were meant for the same session.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (ledger_.recording.write_failed.get() < 4 * kPackets || writer.session_number() == 0) {
        ASSERT_LT(std::chrono::steady_clock::now(), deadline);
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    writer.push(chunk(writer.session()));
    writer.stop();
    EXPECT_EQ(ledger_.recording.recorded.get(), 3 * kPackets);
    EXPECT_EQ(ledger_.recording.write_failed.get(), 4 * kPackets);
    EXPECT_EQ(packets_in_files(), 3 * kPackets);
}

TEST_P(Writer, AFileWithoutRoomForItsHeaderIsNone) {
    const FileSizeLimit limit(10);
    RecordingWriter writer(config_, format_, ledger_, events_);
    writer.start();
    EXPECT_EQ(writer.session_number(), 0);
    writer.push(chunk({1, 1, 0}));
    writer.stop();
    EXPECT_EQ(ledger_.recording.recorded.get(), 0);
    EXPECT_EQ(ledger_.recording.write_failed.get(), kPackets);
    EXPECT_EQ(packets_in_files(), 0);
}

INSTANTIATE_TEST_SUITE_P(Formats, Writer, testing::Bool(),
                         [](const auto& test) { return std::string(test.param ? "pcapng" : "pcap"); });

}  // namespace
}  // namespace sniffer
