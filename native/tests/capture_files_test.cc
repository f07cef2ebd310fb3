// Capture files: whole, compressed, through a pipe, at the recorded pace, damaged.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <pcap/pcap.h>
#include <sys/stat.h>
#include <zlib.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "capture.h"
#include "error.h"
#include "packets.h"

namespace sniffer {
namespace {

using namespace test;

struct Recorder final : PacketHandler {
    void on_packet(const pcap_pkthdr&, const uint8_t* packet, Nanos time) override {
        ports.push_back(packet[head + 20] << 8 | packet[head + 21]);
        times.push_back(time);
        if (throw_at == static_cast<int>(ports.size())) throw std::runtime_error("enough");
    }
    void on_link_type(int type) override {
        link_types.push_back(type);
        head = type == DLT_EN10MB ? 14 : 0;
    }
    void on_idle() override { ++idle; }
    std::vector<int> ports, link_types;  // ports: the client's, by which the cases tell packets apart
    std::vector<Nanos> times;
    size_t head = 0;
    int idle = 0, throw_at = -1;
};

constexpr Nanos kStart = 1'700'000'000 * kSecond;

// Raw IP; packet i comes from port 20000 + i, `step` nanoseconds apart.
std::vector<Packet> packets(int count, Nanos step = 1000, int first = 0) {
    std::vector<Packet> out;
    for (int i = first; i < first + count; ++i)
        out.push_back({Ipv4().bytes(Tcp{.source = static_cast<uint16_t>(20000 + i)}.v4()), kStart + i * step});
    return out;
}

std::vector<int> numbers(int count, int first = 0) {
    std::vector<int> out;
    for (int i = first; i < first + count; ++i) out.push_back(20000 + i);
    return out;
}

Config config_of(std::vector<std::string> files, double speed = 0) {
    Config config;
    config.ports = {{8080, 8080}};
    config.replay_files = std::move(files);
    config.replay_speed = speed;
    return config;
}

// To the end of the files.
void replay(Capture& capture, Recorder& recorder) {
    while (capture.dispatch(recorder, 100) >= 0) continue;
}
void replay(const std::vector<std::string>& files, Recorder& recorder) {
    replay(*open_files(config_of(files)), recorder);
}

std::string failure(const std::vector<std::string>& files, Recorder& recorder) {
    try {
        replay(files, recorder);
    } catch (const EngineError& error) {
        EXPECT_EQ(error.status(), SNIFFER_FILE);
        return error.what();
    }
    return "none";
}
std::string failure(const std::vector<std::string>& files) {
    Recorder recorder;
    return failure(files, recorder);
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

Bytes gzip(const Bytes& in) {
    z_stream zlib{};
    deflateInit2(&zlib, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    Bytes out(deflateBound(&zlib, in.size()), '\0');
    zlib.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    zlib.avail_in = static_cast<uInt>(in.size());
    zlib.next_out = reinterpret_cast<Bytef*>(out.data());
    zlib.avail_out = static_cast<uInt>(out.size());
    deflate(&zlib, Z_FINISH);
    out.resize(zlib.total_out);
    deflateEnd(&zlib);
    return out;
}

// Standard input is `path` while this lives.
class StandardInput {
 public:
    explicit StandardInput(const char* path) : saved_(dup(STDIN_FILENO)) { EXPECT_TRUE(freopen(path, "r", stdin)); }
    ~StandardInput() {
        dup2(saved_, STDIN_FILENO);
        close(saved_);
    }

 private:
    int saved_;
};

class NamedPipe {
 public:
    NamedPipe() {
        unlink(file_.path().c_str());
        if (mkfifo(path().c_str(), 0600) != 0) throw std::runtime_error("no named pipe");
    }
    const std::string& path() const { return file_.path(); }

 private:
    TemporaryFile file_;
};

TEST(CaptureFiles, PacketsInOrderWithNanoseconds) {
    const TemporaryFile file(capture(DLT_RAW, packets(5000, 7)));
    Recorder recorder;
    auto files = open_files(config_of({file.path()}));
    EXPECT_EQ(files->link_type(), DLT_RAW);
    EXPECT_EQ(files->interface_name(), "");
    EXPECT_FALSE(files->loopback());
    replay(*files, recorder);
    EXPECT_EQ(recorder.ports, numbers(5000));
    EXPECT_EQ(recorder.times.back(), kStart + 4999 * 7);
    EXPECT_TRUE(recorder.link_types.empty());  // nothing changed
    EXPECT_EQ(files->dispatch(recorder, 0), -1);
}

TEST(CaptureFiles, TheUsersFilterHolds) {
    const TemporaryFile file(capture(DLT_RAW, packets(10)));
    Config config = config_of({file.path()});
    config.filter = "tcp src portrange 20003-20005";
    Recorder recorder;
    auto files = open_files(config);
    EXPECT_EQ(files->filter(), capture_filter(config.ports, config.filter, false, false));
    replay(*files, recorder);
    EXPECT_EQ(recorder.ports, numbers(3, 3));
    config.replay_speed = 1e9;
    Recorder paced;
    replay(*open_files(config), paced);
    EXPECT_EQ(paced.ports, numbers(3, 3));
}

TEST(CaptureFiles, OneAfterTheOtherWithLinkTypesOfTheirOwn) {
    std::vector<Packet> framed = packets(3, 1000, 5);
    for (Packet& packet : framed) packet.bytes = ethernet(0x0800, packet.bytes);
    const TemporaryFile first(capture(DLT_RAW, packets(5))), second(capture(DLT_EN10MB, framed)),
        third(capture(DLT_RAW, packets(2, 1000, 8)));
    Recorder recorder;
    replay({first.path(), second.path(), third.path()}, recorder);
    EXPECT_EQ(recorder.ports, numbers(10));
    EXPECT_EQ(recorder.link_types, (std::vector<int>{DLT_EN10MB, DLT_RAW}));
}

TEST(CaptureFiles, CompressedOnes) {
    const Bytes content = capture(DLT_RAW, packets(3000));
    const size_t half = content.size() / 2;
    const Bytes forms[] = {gzip(content), gzip(content.substr(0, half)) + gzip("") + gzip(content.substr(half)),
                           gzip(content) + zeros(512)};  // tape padding
    for (const Bytes& form : forms) {
        const TemporaryFile file(form);
        Recorder recorder;
        replay({file.path()}, recorder);
        EXPECT_EQ(recorder.ports, numbers(3000));
    }
}

TEST(CaptureFiles, StandardInput) {
    const Bytes content = capture(DLT_RAW, packets(3000));
    for (const Bytes& form : {content, gzip(content)}) {
        const TemporaryFile file(form);
        const StandardInput input(file.path().c_str());
        Recorder recorder;
        replay({"-"}, recorder);
        EXPECT_EQ(recorder.ports, numbers(3000));
    }
}

// Bytes of a pipe come as its writer pleases; before each wait the handler hears of it.
TEST(CaptureFiles, APipeThatTakesItsTime) {
    const Bytes content = capture(DLT_RAW, packets(20));
    for (const Bytes& form : {content, gzip(content)}) {
        const NamedPipe pipe;
        auto files = open_files(config_of({pipe.path()}));
        EXPECT_EQ(files->link_type(), -1);
        std::thread writer([&] {
            std::ofstream out(pipe.path());
            for (size_t at = 0; at < form.size(); at += 50) {
                out << form.substr(at, 50) << std::flush;
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            }
        });
        Recorder recorder;
        replay(*files, recorder);
        writer.join();
        EXPECT_EQ(recorder.ports, numbers(20));
        EXPECT_EQ(recorder.link_types, std::vector<int>{DLT_RAW});
        EXPECT_GE(recorder.idle, 1);
    }
}

// Before its first byte, and within a packet.
TEST(CaptureFiles, AWakeEndsTheWaitForAPipe) {
    for (const size_t written : {size_t{0}, size_t{10}, size_t{24}, size_t{24 + 3 * 61 + 20}}) {
        const NamedPipe pipe;
        auto files = open_files(config_of({pipe.path()}));
        const int writer = open(pipe.path().c_str(), O_RDWR);
        const Bytes content = capture(DLT_RAW, packets(10)).substr(0, written);
        ASSERT_EQ(write(writer, content.data(), content.size()), static_cast<ssize_t>(content.size()));
        std::thread stopper([&] {
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
            files->wake();
        });
        Recorder recorder;
        replay(*files, recorder);
        stopper.join();
        close(writer);
        EXPECT_EQ(recorder.ports, numbers(written > 100 ? 3 : 0)) << written;
    }
}

TEST(CaptureFiles, ThePipesFilterIsCheckedAtOnce) {
    const NamedPipe pipe;
    Config config = config_of({pipe.path()});
    config.filter = "no such thing";
    EXPECT_THROW(open_files(config), EngineError);
}

TEST(CaptureFiles, AtTheRecordedPace) {
    const TemporaryFile file(capture(DLT_RAW, packets(5, 20 * kMillisecond)));
    const auto begin = std::chrono::steady_clock::now();
    Recorder recorder;
    replay(*open_files(config_of({file.path()}, 2)), recorder);
    const auto took = std::chrono::steady_clock::now() - begin;
    EXPECT_EQ(recorder.ports, numbers(5));
    EXPECT_GE(took, std::chrono::milliseconds(40));  // 80 ms at twice the speed
    EXPECT_LE(took, std::chrono::milliseconds(2000));
}

TEST(CaptureFiles, AWakeEndsTheWaitForThePace) {
    const TemporaryFile file(capture(DLT_RAW, packets(2, 3600 * kSecond)));
    auto files = open_files(config_of({file.path()}, 1));
    Recorder recorder;
    EXPECT_EQ(files->dispatch(recorder, 1'000'000), 1);
    std::thread stopper([&] { files->wake(); });
    EXPECT_EQ(files->dispatch(recorder, 1'000'000), 0);
    stopper.join();
    EXPECT_EQ(files->dispatch(recorder, 1), 0);  // and a limit holds
    EXPECT_EQ(recorder.ports, numbers(1));
}

TEST(CaptureFiles, WhatComesBeforeTheCutIsHandedOver) {
    const Bytes content = capture(DLT_RAW, packets(10));
    const TemporaryFile plain(content.substr(0, content.size() - 1));
    Recorder recorder;
    const std::string text = failure({plain.path()}, recorder);
    EXPECT_TRUE(contains(text, plain.path()) && contains(text, "truncated")) << text;
    EXPECT_EQ(recorder.ports, numbers(9));

    // Compressed, cut where no packet is.
    const Bytes compressed = gzip(content);
    const TemporaryFile cut(compressed.substr(0, compressed.size() - 9));
    Recorder second;
    const std::string early = failure({cut.path()}, second);
    EXPECT_TRUE(contains(early, cut.path()) && contains(early, "gzip data ends early")) << early;
    EXPECT_GE(second.ports.size(), 9u);
}

// Plain files are read by PcapRecords, others by libpcap: both hand over the same.
TEST(CaptureFiles, LargeFilesAreWholeHoweverTheyAreRead) {
    const Bytes content = capture(DLT_RAW, packets(20000));
    const TemporaryFile plain(content), compressed(gzip(content));
    Recorder direct, through_libpcap;
    replay({plain.path()}, direct);
    replay({compressed.path()}, through_libpcap);
    EXPECT_EQ(direct.ports, numbers(20000));
    EXPECT_EQ(direct.ports, through_libpcap.ports);
    EXPECT_EQ(direct.times, through_libpcap.times);
}

// A record longer than the file's snap length: libpcap cuts it, and reads what follows.
TEST(CaptureFiles, RecordsBeyondTheSnapLengthAreCut) {
    Bytes content = capture(DLT_RAW, packets(3));
    content.replace(16, 4, Bytes("\x18\0\0\0", 4));  // its header says 24 bytes: up to the ports
    const TemporaryFile plain(content), compressed(gzip(content));
    Recorder direct, through_libpcap;
    replay({plain.path()}, direct);
    replay({compressed.path()}, through_libpcap);
    EXPECT_EQ(direct.times.size(), 3u);
    EXPECT_EQ(direct.times, through_libpcap.times);
}

TEST(CaptureFiles, DamagedGzipIsNamed) {
    Bytes compressed = gzip(capture(DLT_RAW, packets(3000)));
    compressed[compressed.size() - 6] ^= 1;  // its checksum
    const TemporaryFile file(compressed);
    EXPECT_TRUE(contains(failure({file.path()}), "gzip data")) << failure({file.path()});
}

TEST(CaptureFiles, WhatIsNoCaptureIsRefusedAtOnce) {
    const std::string contents[] = {"", "x", "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n",
                                    gzip("not a capture, but long enough"), gzip("")};
    for (const Bytes& content : contents) {
        const TemporaryFile file(content);
        try {
            open_files(config_of({file.path()}));
            ADD_FAILURE() << content;
        } catch (const EngineError& error) {
            EXPECT_EQ(error.status(), SNIFFER_FILE);
            EXPECT_TRUE(contains(error.what(), file.path()) && contains(error.what(), "pcapng")) << error.what();
        }
    }
    EXPECT_TRUE(contains(failure({"/nonexistent/a.pcap"}), "/nonexistent/a.pcap: No such file"));
    EXPECT_TRUE(contains(failure({"/tmp"}), "folder"));
}

TEST(CaptureFiles, TheLastOneIsMissedAtTheStart) {
    const TemporaryFile file(capture(DLT_RAW, packets(1)));
    EXPECT_THROW(open_files(config_of({file.path(), "/nonexistent/b.pcap"})), EngineError);
}

TEST(CaptureFiles, AnUnknownLinkTypeIsNamed) {
    const TemporaryFile file(capture(DLT_IEEE802_11, packets(1)));
    EXPECT_TRUE(contains(failure({file.path()}), "802.11")) << failure({file.path()});
}

// A file may claim any time; sums and differences of times must not overflow.
TEST(CaptureFiles, TimesAreClamped) {
    Bytes content = capture(DLT_RAW, packets(2));
    for (const size_t at : {24, 28}) content.replace(at, 4, "\xff\xff\xff\xff");
    const TemporaryFile file(content);
    Recorder recorder;
    replay({file.path()}, recorder);
    EXPECT_EQ(recorder.times, (std::vector<Nanos>{0, kStart + 1000}));  // libpcap reads -1 s and -1 ns
}

TEST(CaptureFiles, WhatTheHandlerThrowsComesOut) {
    const TemporaryFile file(capture(DLT_RAW, packets(10)));
    auto files = open_files(config_of({file.path()}));
    Recorder recorder;
    recorder.throw_at = 3;
    EXPECT_THROW(files->dispatch(recorder, 0), std::runtime_error);
    EXPECT_EQ(recorder.ports, numbers(3));
}

}  // namespace
}  // namespace sniffer
