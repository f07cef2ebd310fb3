// A live capture of loopback through the C ABI, and what it captures.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <simdjson.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "sniffer.h"

namespace sniffer {

using namespace std::chrono_literals;

// One connection on loopback, both ends in this process.
class Pair {
 public:
    Pair() {
        listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        address_.sin_family = AF_INET;
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address_;
        if (bind(listener_, at(), size) != 0 || listen(listener_, 1) != 0) throw std::runtime_error("no port");
        getsockname(listener_, at(), &size);
    }
    ~Pair() {
        for (int fd : {listener_, client_, server_})
            if (fd >= 0) close(fd);
    }
    void connect() {
        client_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ASSERT_EQ(::connect(client_, at(), sizeof address_), 0);
        server_ = accept(listener_, nullptr, nullptr);
        ASSERT_GE(server_, 0);
    }
    void ask(const std::string& text) { pass(client_, server_, text); }
    void answer(const std::string& text) { pass(server_, client_, text); }
    int port() const { return ntohs(address_.sin_port); }

 private:
    sockaddr* at() { return reinterpret_cast<sockaddr*>(&address_); }
    // Sends in pieces that the other end has taken before the next: no buffer is too small.
    static void pass(int from, int to, const std::string& text) {
        std::vector<char> taken(16384);
        for (size_t sent = 0; sent < text.size();) {
            const size_t piece = std::min(taken.size(), text.size() - sent);
            ASSERT_EQ(send(from, text.data() + sent, piece, MSG_NOSIGNAL), static_cast<ssize_t>(piece));
            for (size_t got = 0; got < piece;) {
                const ssize_t more = recv(to, taken.data(), piece - got, 0);
                ASSERT_GT(more, 0);
                got += static_cast<size_t>(more);
            }
            sent += piece;
        }
    }
    sockaddr_in address_{};
    int listener_ = -1, client_ = -1, server_ = -1;
};

class LiveCapture {
 public:
    LiveCapture(int port, const std::string& more) {
        const std::string config = R"({"interface":"lo","ports":[)" + std::to_string(port) + "]," + more + "}";
        char error[512] = "";
        EXPECT_EQ(sniffer_open(config.c_str(), &handle_, error, sizeof error), SNIFFER_OK)
            << error << " (the live tests capture: they need root)";
        if (handle_) sniffer_start(handle_);
    }
    ~LiveCapture() { sniffer_close(handle_); }
    bool open() const { return handle_ != nullptr; }

    uint64_t stat(const char* group, const char* name) {
        std::vector<char> text(sniffer_stats(handle_, nullptr, 0) + 256);
        sniffer_stats(handle_, text.data(), text.size());
        simdjson::dom::parser parser;
        return parser.parse(std::string(text.data()))[group][name].get_uint64().value();
    }
    // Reads to the end of a capture that was stopped; the number of records.
    uint64_t drain() {
        sniffer_stop(handle_);
        uint64_t records = 0;
        for (int status = 0, finished = 0; !finished;) {
            finished = sniffer_finished(handle_, &status);
            for (sniffer_batch batch; sniffer_read(handle_, &batch); sniffer_release(handle_, &batch))
                records += batch.count;
            pollfd waiting{sniffer_event_fd(handle_), POLLIN, 0};
            if (!finished && poll(&waiting, 1, 100) == 1) {
                uint64_t count;
                [[maybe_unused]] ssize_t got = read(sniffer_event_fd(handle_), &count, sizeof count);
            }
        }
        return records;
    }

 private:
    sniffer_handle* handle_ = nullptr;
};

inline bool in_time(const std::function<bool()>& holds) {
    for (int tries = 0; tries < 600; ++tries) {
        if (holds()) return true;
        std::this_thread::sleep_for(50ms);
    }
    return false;
}

}  // namespace sniffer
