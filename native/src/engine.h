// Wires the stages: the only place that knows them all.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "capture.h"
#include "config.h"
#include "decode.h"
#include "events.h"
#include "exchange_metrics.h"
#include "recorder.h"
#include "ring.h"
#include "tracker.h"

namespace sniffer {

class Engine final : public PacketHandler, public HttpHandler, public ConnectionSink {
 public:
    // Opens the capture. Throws EngineError.
    explicit Engine(Config config);
    ~Engine() override;

    void start();
    void stop();
    bool finished() const { return finished_.load(std::memory_order_acquire); }
    // How the capture ended, once it is finished.
    sniffer_status status() const { return status_; }
    const std::string& reason() const { return reason_; }

    Ring& ring() { return ring_; }
    Events& events() { return events_; }
    ExcludedEnds& excluded() { return tracker_.excluded(); }
    const Ledger& ledger();
    const ExchangeMetrics& exchanges() const { return exchanges_; }
    std::string describe() const;

    void on_packet(const pcap_pkthdr& header, const uint8_t* packet, Nanos time) override;
    void on_link_type(int link_type) override;
    void on_idle() override;
    void on_message(const Message& message, bool self_delivery) override;
    void on_exchange(const Endpoint& receiver, const Endpoint& destination, const Exchange& exchange) override;
    void on_not_http(const Endpoint& receiver, const Endpoint& destination, std::string_view bytes) override;
    void on_tunnel(const Endpoint& receiver, const Endpoint& destination, std::string_view how) override;
    void on_missing(const Endpoint& receiver, const Endpoint& destination, bool request, uint64_t bytes) override;
    void on_lost_sync(const Endpoint& receiver, const Endpoint& destination, bool request) override;
    void on_connection_end(const ConnectionEnd& connection) override;

 private:
    void run();
    void capture_live();
    void confine();
    void replay();
    void after_dispatch(int packets, Nanos now);
    void refresh_counters();
    void finish();
    void push(uint32_t flags);

    const Config config_;
    Ledger ledger_;
    Events events_{ledger_};
    std::unique_ptr<Capture> capture_;
    ExchangeMetrics exchanges_;
    Decoder decoder_;
    Segment segment_;  // of the packet at hand
    Ring ring_;
    Budget budget_;
    Arena arena_{budget_};
    RecordEncoder encoder_{config_, &budget_};
    HttpContext http_;
    Tracker tracker_;
    std::unique_ptr<Recorder> recorder_;
    std::unique_ptr<FilterProgram> message_filter_;  // where packets come that are for the recording alone
    Text line_;
    LiveClock live_clock_;
    Nanos last_flush_ = 0, last_refresh_ = 0;  // steady
    Nanos stopped_ = 0, last_packet_ = 0;      // when it was to stop: steady, and as packets are stamped
    std::thread thread_;
    std::atomic<bool> stop_{false}, finished_{false};
    sniffer_status status_ = SNIFFER_OK;
    std::string reason_;
};

}  // namespace sniffer
