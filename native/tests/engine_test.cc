// The whole engine through its C ABI, read by one thread while it works in another: what the
// thread sanitizer is to see.
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "sniffer.h"

namespace {

void put(std::string& out, uint64_t value, int bytes, bool network = true) {
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> 8 * (network ? bytes - 1 - i : i));
}

// A capture file of raw IPv4 packets with nanoseconds.
class CaptureFile {
 public:
    CaptureFile() {
        char name[] = "/tmp/sniffer-test-XXXXXX";
        close(mkstemp(name));
        path = name;
        put(bytes_, 0xa1b23c4d, 4, false);
        put(bytes_, 0x00040002, 4, false);
        put(bytes_, 0, 8, false);
        put(bytes_, 262144, 4, false);
        put(bytes_, 101, 4, false);  // LINKTYPE_RAW
    }
    ~CaptureFile() { unlink(path.c_str()); }

    // `client` numbers the connection; bit 0 of `from_server` tells the sender.
    void packet(uint32_t client, bool from_server, uint32_t seq, uint32_t ack, uint8_t flags, const std::string& data) {
        std::string ip;
        put(ip, 0x4500, 2);
        put(ip, 40 + data.size(), 2);
        put(ip, 0, 4);
        put(ip, 0x4006, 2);
        put(ip, 0, 2);
        uint32_t client_ip = 0x0a000000 + client / 20000, server_ip = 0xc0a80001;
        uint32_t client_port = 20000 + client % 20000;
        put(ip, from_server ? server_ip : client_ip, 4);
        put(ip, from_server ? client_ip : server_ip, 4);
        put(ip, from_server ? 80 : client_port, 2);
        put(ip, from_server ? client_port : 80, 2);
        put(ip, seq, 4);
        put(ip, ack, 4);
        put(ip, 0x5000 | flags, 2);
        put(ip, 65535, 2);
        put(ip, 0, 4);
        ip += data;
        time_ += 1000;
        put(bytes_, 1'700'000'000 + time_ / 1'000'000'000, 4, false);
        put(bytes_, time_ % 1'000'000'000, 4, false);
        put(bytes_, ip.size(), 4, false);
        put(bytes_, ip.size(), 4, false);
        bytes_ += ip;
    }
    void exchange(uint32_t client, int times) {
        const std::string ask = "GET /item HTTP/1.1\r\nHost: a\r\n\r\n";
        const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + std::string(1000, 'x');
        uint32_t mine = 1, theirs = 1;
        packet(client, false, 0, 0, 2, "");
        packet(client, true, 0, 1, 18, "");
        for (int i = 0; i < times; ++i) {
            packet(client, false, mine, theirs, 24, ask);
            mine += static_cast<uint32_t>(ask.size());
            packet(client, true, theirs, mine, 24, answer);
            theirs += static_cast<uint32_t>(answer.size());
            packet(client, false, mine, theirs, 16, "");
        }
    }
    void write() {
        FILE* file = fopen(path.c_str(), "wb");
        ASSERT_EQ(fwrite(bytes_.data(), 1, bytes_.size(), file), bytes_.size());
        fclose(file);
    }
    std::string path;

 private:
    std::string bytes_;
    uint64_t time_ = 0;
};

std::string config_for(const std::string& path, const std::string& more = "") {
    return R"({"ports":[80],"replay":{"files":[")" + path + R"("],"speed":0})" + more + "}";
}

struct Reading {
    uint64_t records = 0, bytes = 0;
    int status = -1;
};

// Reads to the end as the appliance does; `visit` sees each batch.
template <typename Visit>
Reading read_all(sniffer_handle* handle, Visit visit) {
    Reading out;
    std::vector<char> events(64 << 10);
    while (true) {
        bool finished = sniffer_finished(handle, &out.status);
        sniffer_batch batch;
        while (sniffer_read(handle, &batch)) {
            out.records += batch.count;
            out.bytes += batch.size;
            visit(batch);
            sniffer_release(handle, &batch);
        }
        sniffer_read_events(handle, events.data(), events.size());
        std::vector<char> stats(sniffer_stats(handle, nullptr, 0) + 64);
        sniffer_stats(handle, stats.data(), stats.size());
        if (finished) return out;
        pollfd wait{sniffer_event_fd(handle), POLLIN, 0};
        poll(&wait, 1, 1000);
        uint64_t count;
        [[maybe_unused]] ssize_t got = read(sniffer_event_fd(handle), &count, sizeof count);
    }
}

sniffer_handle* open_capture(const std::string& config) {
    sniffer_handle* handle = nullptr;
    char error[512] = "";
    EXPECT_EQ(sniffer_open(config.c_str(), &handle, error, sizeof error), SNIFFER_OK) << error;
    return handle;
}

TEST(Engine, GivesEveryRecordToAReaderInAnotherThread) {
    CaptureFile file;
    for (uint32_t client = 0; client < 200; ++client) file.exchange(client, 20);
    file.write();
    sniffer_handle* handle = open_capture(config_for(file.path));
    ASSERT_EQ(sniffer_start(handle), SNIFFER_OK);
    EXPECT_EQ(sniffer_start(handle), SNIFFER_STATE);
    Reading reading = read_all(handle, [](const sniffer_batch& batch) {
        uint64_t offset = 0;
        for (uint64_t i = 0; i < batch.count; ++i) {
            EXPECT_EQ(batch.records[i].offset, offset);
            offset += batch.records[i].length;
            EXPECT_EQ(batch.data[offset - 1], '\n');
        }
        EXPECT_EQ(offset, batch.size);
    });
    EXPECT_EQ(reading.records, 200u * 20 * 2);
    EXPECT_EQ(reading.status, SNIFFER_OK);
    sniffer_close(handle);
}

TEST(Engine, CanBeStoppedAndClosedAtAnyMoment) {
    CaptureFile file;
    for (uint32_t client = 0; client < 300; ++client) file.exchange(client, 20);
    file.write();
    for (int after = 0; after < 12; ++after) {
        sniffer_handle* handle = open_capture(config_for(file.path));
        sniffer_start(handle);
        sniffer_batch batch;
        for (int i = 0; i < after; ++i)
            if (sniffer_read(handle, &batch)) sniffer_release(handle, &batch);
        std::thread stopper([&] { sniffer_exclude(handle, "10.0.0.1", 1234); });
        stopper.join();
        sniffer_stop(handle);
        sniffer_close(handle);  // batches that nobody read, a queue that is full
    }
}

TEST(Engine, SaysWhatIsWrong) {
    struct Case {
        const char* config;
        int status;
        const char* text;
    };
    for (const Case& c : std::initializer_list<Case>{
             {"{", SNIFFER_CONFIG, ""},
             {R"({"ports":[80],"replay":{"files":["/nonexistent.pcap"],"speed":0}})", SNIFFER_FILE,
              "/nonexistent.pcap"},
             {R"({"ports":[80],"interface":"nonexistent0"})", SNIFFER_NO_INTERFACE, "nonexistent0"},
         }) {
        sniffer_handle* handle = nullptr;
        char error[1024] = "";
        EXPECT_EQ(sniffer_open(c.config, &handle, error, sizeof error), c.status) << error;
        EXPECT_EQ(handle, nullptr);
        EXPECT_NE(std::string(error).find(c.text), std::string::npos) << error;
    }
    sniffer_close(nullptr);
}

}  // namespace
