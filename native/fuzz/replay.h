// A capture file's bytes through the whole engine, by the C ABI, as `tcp-sniffer replay` has it.
#pragma once

#include <poll.h>
#include <simdjson.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "check.h"
#include "sniffer.h"
#include "utf8.h"

namespace sniffer::fuzz {

// A file in memory, under a name.
class MemoryFile {
 public:
    explicit MemoryFile(std::string_view bytes) : fd_(memfd_create("capture", MFD_CLOEXEC)) {
        check(fd_ >= 0 && write(fd_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()), "memory");
    }
    ~MemoryFile() { close(fd_); }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
    const int fd_;
};

struct Replayed {
    int status = SNIFFER_OK;
    std::string error, records, stats;
    uint64_t count = 0;
};

// The counters of one group: what came in is what became of it.
inline void check_sum(simdjson::dom::object stats, const char* group, const char* whole, uint64_t more = 0) {
    simdjson::dom::object counters = stats[group];
    uint64_t sum = more;
    for (auto [name, value] : counters)
        if (name != whole && name != "incomplete") sum += uint64_t{value};
    check(sum == uint64_t{counters[whole]}, group);
}

inline void check_stats(const std::string& stats) {
    simdjson::dom::parser parser;
    simdjson::dom::object all = parser.parse(stats);
    check_sum(all, "packets", "received");
    check_sum(all, "connections", "opened");
    check_sum(all, "messages", "produced");
    check(uint64_t{all["gauges"]["openExchanges"]} == 0, "no exchange stays open");
    check(uint64_t{all["gauges"]["memoryPeak"]} <= uint64_t{all["gauges"]["memoryLimit"]},
          "memory is under its ceiling");
}

inline void check_records(const sniffer_batch& batch) {
    simdjson::dom::parser parser;
    for (uint64_t i = 0; i < batch.count; ++i) {
        const std::string_view line(batch.data + batch.records[i].offset, batch.records[i].length);
        check(line.ends_with("}\n") && line.find('\n') == line.size() - 1, "a record is one line");
        check(valid_utf8(line), "a record is UTF-8");
        check(parser.parse(line.data(), line.size()).error() == simdjson::SUCCESS, "a record is JSON");
    }
}

inline void read_batches(sniffer_handle* handle, Replayed& out) {
    sniffer_batch batch;
    while (sniffer_read(handle, &batch)) {
        check_records(batch);
        out.records.append(batch.data, batch.size);
        out.count += batch.count;
        sniffer_release(handle, &batch);
    }
}

inline std::string stats_of(sniffer_handle* handle) {
    std::string out(sniffer_stats(handle, nullptr, 0), '\0');
    sniffer_stats(handle, out.data(), out.size());
    out.pop_back();
    return out;
}

// `more`: members of the configuration, with a comma before the first.
inline Replayed replay(std::string_view capture, const std::string& more = {}) {
    const MemoryFile file(capture);
    const std::string config = R"({"ports":[80,8080],"replay":{"files":[")" + file.path() + "\"]}" + more + "}";
    Replayed out;
    sniffer_handle* handle = nullptr;
    char error[1024];
    out.status = sniffer_open(config.c_str(), &handle, error, sizeof error);
    out.error = error;
    if (out.status != SNIFFER_OK) return out;
    check(sniffer_start(handle) == SNIFFER_OK, "it starts");
    while (!sniffer_finished(handle, &out.status)) {
        pollfd readable{sniffer_event_fd(handle), POLLIN, 0};
        poll(&readable, 1, 1000);
        uint64_t count;
        check(read(readable.fd, &count, sizeof count) >= 0 || errno == EAGAIN, "the event fd is read");
        read_batches(handle, out);
    }
    read_batches(handle, out);
    out.error = sniffer_last_error(handle);
    out.stats = stats_of(handle);
    sniffer_close(handle);
    return out;
}

}  // namespace sniffer::fuzz
