// The live stream: to each client a pcapng of what is recorded from now on.
#pragma once

#include <atomic>
#include <list>
#include <string>
#include <thread>

#include "events.h"
#include "ledger.h"
#include "packet_chunk.h"
#include "wakeup.h"

namespace sniffer {

class RecordingStream {
 public:
    static constexpr size_t kMostClients = 8;
    static constexpr size_t kMostWaiting = 1 << 20;  // bytes for one client; it loses what comes then

    // `listen`: "address:port". An address that is taken is an event: the recording goes on.
    RecordingStream(const std::string& listen, RecordingFormat format, Ledger::Recording& ledger, Events& events);
    ~RecordingStream();

    void start();
    void push(const SharedChunk& chunk);
    void stop();

 private:
    struct Client {
        int fd;
        std::string waiting;
        size_t sent = 0;
    };
    void run();
    void accept_one();
    void serve(const PacketChunk& chunk);
    bool send_some(Client& client);

    const RecordingFormat format_;
    Ledger::Recording& ledger_;
    Events& events_;
    int listener_ = -1, wake_ = -1;
    Nanos accept_at_ = 0;  // steady; before, no client is accepted
    std::atomic<size_t> clients_count_{0}, queued_{0};
    std::atomic<bool> stopping_{false};
    std::atomic<uint64_t> refused_{0};  // packets that found the queue full
    ChunkQueue queue_;
    std::list<Client> clients_;
    std::string buffer_;
    std::thread thread_;
};

}  // namespace sniffer
