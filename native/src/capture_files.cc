// Packets from capture files, one after the other, as if they came from the wire.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <exception>
#include <utility>

#include "capture.h"
#include "error.h"
#include "input_file.h"
#include "link.h"
#include "pcap_handle.h"
#include "pcap_records.h"
#include "pcapng_interfaces.h"
#include "wakeup.h"

namespace sniffer {
namespace {

constexpr int kBatch = 1024, kSnapLength = 262144;

Nanos monotonic_clock() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * kSecond + now.tv_nsec;
}

// All of them at the start: nobody wants to learn of the last one's absence hours later.
void check_readable(const std::string& path) {
    if (path != "-" && access(path.c_str(), R_OK) != 0)
        throw EngineError(SNIFFER_FILE, path + ": " + std::strerror(errno));
}

// When a packet is due in a replay at `speed` times the recorded pace.
class Pace {
 public:
    explicit Pace(double speed) : speed_(speed) {}
    bool paced() const { return speed_ > 0; }
    // Milliseconds until then, rounded up; 0: now.
    int delay_ms(Nanos packet_time, Nanos now) {
        if (started_ < 0) {
            started_ = now;
            first_ = packet_time;
        }
        const double due = static_cast<double>(packet_time - first_) / speed_;
        const double left = due - static_cast<double>(now - started_);
        constexpr double kLongest = 1e9;  // the caller's limit is less
        return left <= 0 ? 0 : static_cast<int>(std::min(left / kMillisecond + 1, kLongest));
    }

 private:
    const double speed_;
    Nanos started_ = -1, first_ = 0;
};

class FileCapture final : public Capture, private PipeWaiter {
 public:
    FileCapture(const Config& config, InterfaceNames* interfaces)
        : config_(config), pace_(config.replay_speed), interface_names_(interfaces) {
        for (const std::string& path : config_.replay_files) check_readable(path);
        file_ = std::make_unique<InputFile>(config_.replay_files.front());
        if (file_->regular()) {
            open();
        } else {
            // A pipe's writer may take its time: it is opened when the first packets are wanted. Its
            // link type will tell the filter; that the user's compiles is checked now.
            const PcapHandle ethernet(pcap_open_dead(DLT_EN10MB, kSnapLength));
            program_ = std::make_unique<FilterProgram>(ethernet.get(), config_, FilterFor::messages);
        }
        filter_ = program_->text();
    }

    int dispatch(PacketHandler& handler, int timeout_ms) override {
        handler_ = &handler;
        if (!handle_ && !next_file()) return -1;
        const int packets = pace_.paced() ? hand_over_paced(timeout_ms) : hand_over();
        if (packets != kEnd) return packets;
        records_.reset();
        handle_.reset();
        file_.reset();
        return 0;
    }
    void wake() override { wakeup_.wake(); }

    CaptureCounters counters() override { return {}; }
    int link_type() const override { return link_type_; }
    std::string interface_name() const override { return {}; }
    bool loopback() const override { return false; }
    std::vector<Address> addresses() const override { return {}; }
    std::string filter() const override { return filter_; }
    uint32_t buffer_size() const override { return 0; }
    uint32_t packet_interface() const override { return packet_interface_; }

 private:
    // False behind the last file, and when nobody waits for a pipe any more.
    bool next_file() {
        if (!file_) {
            if (given_up_ || ++index_ >= config_.replay_files.size()) return false;
            file_ = std::make_unique<InputFile>(config_.replay_files[index_]);
        }
        const int before = link_type_;
        open();
        if (given_up_) return false;
        if (link_type_ != before) handler_->on_link_type(link_type_);
        return true;
    }

    void open() {
        if (interface_names_) {
            interfaces_ = std::make_unique<PcapngInterfaces>(*interface_names_);
            file_->watch(*interfaces_);
        }
        FILE* stream = file_->open(*this);
        if (given_up_) {
            fclose(stream);
            return;
        }
        if (file_->stored_plainly() && !pace_.paced()) records_ = PcapRecords::open(stream);
        char reason[PCAP_ERRBUF_SIZE] = "";
        handle_.reset(pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, reason));
        if (!handle_) {
            fclose(stream);
            if (given_up_) return;
            throw failure("no capture file (pcap or pcapng, or such a one in gzip or zstd): " +
                          (file_->error().empty() ? reason : file_->error()));
        }
        const int type = pcap_datalink(handle_.get());
        if (!link_supported(type))
            throw failure(std::string("its link type is not one of Ethernet, Linux cooked, raw IP and BSD loopback: ") +
                          pcap_datalink_val_to_description_or_dlt(type));
        program_ = std::make_unique<FilterProgram>(handle_.get(), config_, FilterFor::messages);
        link_type_ = type;
        if (records_) records_->start(pcap_snapshot(handle_.get()));
    }

    EngineError failure(const std::string& reason) const {
        return EngineError(SNIFFER_FILE, file_->name() + ": " + reason);
    }

    // The filter runs here, not in libpcap: it would read on until enough packets match, and a stop
    // would wait for that. Its part for the ports only saves the kernel from copying: what it leaves
    // out the next stages do too, exactly, and count.
    void receive(const pcap_pkthdr& header, const uint8_t* packet) {
        if (interfaces_) packet_interface_ = interfaces_->next();
        if (!config_.filter.empty() && !program_->matches(header, packet)) return;
        ++packets_;
        handler_->on_packet(header, packet, packet_time(header));
    }

    // No exception may pass through libpcap.
    static void receive_all(u_char* user, const pcap_pkthdr* header, const u_char* packet) {
        auto& self = *reinterpret_cast<FileCapture*>(user);
        try {
            self.receive(*header, packet);
        } catch (...) {
            self.failure_ = std::current_exception();
            pcap_breakloop(self.handle_.get());
        }
    }

    // libpcap's answer at the end of a file, or where it can't go on.
    int end(int status) {
        if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
        if (!file_->error().empty()) throw failure(file_->error());
        if (status == PCAP_ERROR && !given_up_) throw failure(pcap_geterr(handle_.get()));
        return kEnd;
    }

    int hand_over() {
        packets_ = 0;
        if (records_) return hand_over_records();
        const int read = pcap_dispatch(handle_.get(), kBatch, receive_all, reinterpret_cast<u_char*>(this));
        return read > 0 && !failure_ ? packets_ : end(read);
    }

    // The rest is libpcap's where they end.
    int hand_over_records() {
        pcap_pkthdr header{};
        const uint8_t* packet = nullptr;
        for (int i = 0; i < kBatch; ++i) {
            if (!records_->next(header, packet)) {
                records_.reset();
                break;
            }
            receive(header, packet);
        }
        return packets_;
    }

    // One packet at a time: it waits here until it is due.
    int hand_over_paced(int timeout_ms) {
        if (!next_packet_) {
            const int status = pcap_next_ex(handle_.get(), &next_header_, &next_packet_);
            if (status != 1) {
                next_packet_ = nullptr;
                return end(status);
            }
            if (!program_->matches(*next_header_, next_packet_)) {
                next_packet_ = nullptr;
                return 0;
            }
        }
        const int delay_ms = pace_.delay_ms(packet_time(*next_header_), monotonic_clock());
        if (delay_ms > 0) {
            wakeup_.wait(-1, std::min(delay_ms, timeout_ms));
            return 0;
        }
        handler_->on_packet(*next_header_, std::exchange(next_packet_, nullptr), packet_time(*next_header_));
        return 1;
    }

    bool wait_readable(int fd) override {
        if (given_up_) return false;
        try {
            bool readable = wakeup_.wait(fd, 0);
            if (!readable && !wakeup_.woken()) {
                handler_->on_idle();
                while (!readable && !wakeup_.woken()) readable = wakeup_.wait(fd, kForever);
            }
        } catch (...) {
            failure_ = std::current_exception();
        }
        given_up_ = wakeup_.woken() || failure_;
        return !given_up_;
    }

    static constexpr int kEnd = PCAP_ERROR_BREAK, kForever = -1;

    const Config config_;
    Pace pace_;
    std::string filter_;
    size_t index_ = 0;
    InterfaceNames* const interface_names_;
    std::unique_ptr<PcapngInterfaces> interfaces_;  // sees what file_ gives
    uint32_t packet_interface_ = 0;
    std::unique_ptr<InputFile> file_;
    PcapHandle handle_;                     // reads from file_
    std::unique_ptr<PcapRecords> records_;  // reads from handle_'s stream, as far as it can
    std::unique_ptr<FilterProgram> program_;
    std::atomic<int> link_type_{-1};  // not known before a pipe's first bytes
    Wakeup wakeup_;
    bool given_up_ = false;

    PacketHandler* handler_ = nullptr;  // of the dispatch() that runs
    std::exception_ptr failure_;
    int packets_ = 0;
    pcap_pkthdr* next_header_ = nullptr;
    const u_char* next_packet_ = nullptr;  // read, not due yet
};

}  // namespace

std::unique_ptr<Capture> open_files(const Config& config, InterfaceNames* interfaces) {
    return std::make_unique<FileCapture>(config, interfaces);
}

}  // namespace sniffer
