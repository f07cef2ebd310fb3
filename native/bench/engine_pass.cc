// The engine alone, through its ABI: takes each batch and gives it back, as the appliance does. For
// callgrind and perf, which would see an interpreter otherwise.
//   engine_pass CONFIGURATION     (the JSON text that sniffer_open takes, with "replay")
#include <poll.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>

#include "sniffer.h"

namespace {

struct Seen {
    uint64_t records = 0;
    uint64_t bytes = 0;
};

void take(sniffer_handle* handle, Seen& seen) {
    sniffer_batch batch;
    while (sniffer_read(handle, &batch)) {
        seen.records += batch.count;
        seen.bytes += batch.size;
        sniffer_release(handle, &batch);
    }
}

int run(sniffer_handle* handle, Seen& seen) {
    pollfd readable{sniffer_event_fd(handle), POLLIN, 0};
    int status = sniffer_start(handle);
    if (status != SNIFFER_OK) return status;
    for (;;) {
        uint64_t signals = 0;
        if (poll(&readable, 1, -1) < 0 || read(readable.fd, &signals, sizeof signals) < 0) return SNIFFER_INTERNAL;
        // Asked before the last read: what is finished in between is read the next time.
        const bool finished = sniffer_finished(handle, &status);
        take(handle, seen);
        if (finished) return status;
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return std::fputs("usage: engine_pass CONFIGURATION\n", stderr), 2;
    char error[4096];
    sniffer_handle* handle = nullptr;
    if (sniffer_open(argv[1], &handle, error, sizeof error) != SNIFFER_OK)
        return std::fprintf(stderr, "%s\n", error), 1;
    Seen seen;
    const int status = run(handle, seen);
    if (status != SNIFFER_OK) std::fprintf(stderr, "%s\n", sniffer_last_error(handle));
    sniffer_close(handle);
    std::printf("%llu records, %llu bytes\n", static_cast<unsigned long long>(seen.records),
                static_cast<unsigned long long>(seen.bytes));
    return status != SNIFFER_OK;
}
