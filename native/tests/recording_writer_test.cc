// Packets to files where writes fall short: what is in the files is whole, and every packet is counted once.
#include "recording_writer.h"

#include <gtest/gtest.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
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

// The thread, and those it starts, are on a file system that cannot refuse to replace a file: renameat2() gives
// `error`.
bool on_a_simple_file_system(int error) {
    const std::unique_ptr<void, void (*)(void*)> filter(seccomp_init(SCMP_ACT_ALLOW), seccomp_release);
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(static_cast<uint16_t>(error)), SCMP_SYS(renameat2), 1,
                            SCMP_A4(SCMP_CMP_EQ, RENAME_NOREPLACE)) == 0 &&
           seccomp_load(filter.get()) == 0;
}

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

    void record(uint64_t chunks) {
        RecordingWriter writer(config_, format_, ledger_, events_);
        writer.start();
        for (uint64_t i = 0; i < chunks; ++i) writer.push(chunk(writer.session()));
        writer.stop();
    }
    std::set<std::string> recordings() const {
        std::set<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(folder_))
            if (entry.path().filename().string().starts_with("web")) names.insert(entry.path().stem());
        return names;
    }
    std::string open_file() const { return folder_ + "/web" + format_.suffix(); }

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

TEST_P(Writer, StartsWithoutTrafficTakeNoFilesPlace) {
    config_.max_files = 2;
    record(1);
    record(1);
    for (int i = 0; i < 4; ++i) record(0);
    EXPECT_EQ(recordings(), (std::set<std::string>{"web.0001", "web.0002", "web"}));
    EXPECT_EQ(packets_in_files(), 2 * kPackets);
}

// All that a kill left is a part of the first packet.
TEST_P(Writer, ALeftoverWithoutAWholePacketGoes) {
    const PcapRecord torn{1'700'000'000, 0, kPacket, kPacket};
    std::string buffer, records(reinterpret_cast<const char*>(&torn), sizeof torn);
    records += std::string(kPacket, 'x');
    std::ofstream(open_file()) << format_.header() << format_.packets(records, buffer).substr(0, 500);
    record(1);
    EXPECT_EQ(recordings(), std::set<std::string>{"web"});
    EXPECT_EQ(packets_in_files(), kPackets);
}

// The guard of a killed process may still be about to look at what that left: it knows it by name and inode.
TEST_P(Writer, WhatFollowsAnEmptyLeftoverHasAnotherInode) {
    record(0);
    struct stat left {
    }, next{};
    ASSERT_EQ(stat(open_file().c_str(), &left), 0);
    record(0);
    ASSERT_EQ(stat(open_file().c_str(), &next), 0);
    EXPECT_NE(left.st_ino, next.st_ino);
}

// Records name the file that its packets were meant for; the next one is another.
TEST_P(Writer, AFileWhoseFirstWriteFailsIsNoneButHadItsNumber) {
    const FileSizeLimit limit(kInFile / 2);
    RecordingWriter writer(config_, format_, ledger_, events_);
    writer.start();
    const RecordingSession first = writer.session();
    writer.push(chunk(first));
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (writer.session().number <= first.number) {
        ASSERT_LT(std::chrono::steady_clock::now(), deadline);
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_EQ(writer.session().sequence, first.sequence + 1);
    writer.stop();
    EXPECT_EQ(recordings(), std::set<std::string>{"web"});
    EXPECT_FALSE(std::filesystem::exists(folder_ + "/index.jsonl"));
}

TEST_P(Writer, NumbersFilesWhereTheFileSystemCannotRefuseToReplace) {
    for (const int error : {EINVAL, ENOSYS})
        std::thread([&] {
            ASSERT_TRUE(on_a_simple_file_system(error));
            record(1);
            record(1);
        }).join();
    EXPECT_EQ(recordings(), (std::set<std::string>{"web.0001", "web.0002", "web.0003", "web"}));
    EXPECT_EQ(packets_in_files(), 4 * kPackets);
}

TEST_P(Writer, ReplacesNothingThereEither) {
    std::thread([&] {
        ASSERT_TRUE(on_a_simple_file_system(EINVAL));
        RecordingFolder folder(config_, format_.suffix());
        folder.open();
        close(folder.create());
        std::ofstream(folder_ + "/" + folder.numbered_name(1)) << "somebody else's";
        EXPECT_THROW(folder.number(1, 0, 0), FolderError);
        EXPECT_EQ(std::filesystem::file_size(folder_ + "/" + folder.numbered_name(1)), 15);
        EXPECT_TRUE(std::filesystem::exists(open_file()));
    }).join();
}

INSTANTIATE_TEST_SUITE_P(Formats, Writer, testing::Bool(),
                         [](const auto& test) { return std::string(test.param ? "pcapng" : "pcap"); });

}  // namespace
}  // namespace sniffer
