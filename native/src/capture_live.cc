// Packets from an interface.
#include <linux/filter.h>
#include <sys/socket.h>

#include <chrono>
#include <exception>
#include <thread>

#include "capture.h"
#include "error.h"
#include "link.h"
#include "pcap_handle.h"
#include "wakeup.h"

namespace sniffer {
namespace {

// Offload makes packets of 64 KB and more; BIG TCP makes still longer ones, up to here.
constexpr int kSnapLength = 262144;
constexpr int kBatch = 4096;
constexpr const char* kAny = "any";

std::string names(const std::vector<Interface>& interfaces) {
    std::string out;
    for (const Interface& interface : interfaces)
        out += (out.empty() ? "" : ", ") + interface.name + (interface.up ? "" : " (down)");
    return out.empty() ? "none" : out;
}

[[noreturn]] void no_interface(const std::string& what, const std::vector<Interface>& interfaces) {
    throw EngineError(SNIFFER_NO_INTERFACE, what + "; there are: " + names(interfaces) + "; and any, for all of them");
}

Interface choose(const std::string& wanted, const std::vector<Interface>& interfaces) {
    if (wanted == kAny) return {kAny, true, false, {}};
    for (const Interface& interface : interfaces) {
        if (wanted.empty() ? interface.up && !interface.loopback : interface.name == wanted) return interface;
    }
    no_interface(wanted.empty() ? "no interface but loopback is up" : "there is no interface " + wanted, interfaces);
}

void check_activated(pcap_t* handle, int status, const std::string& name, const std::vector<Interface>& interfaces) {
    if (status >= 0) return;  // above 0: a warning, such as one about promiscuous mode
    std::string reason = pcap_geterr(handle);
    if (reason.empty()) reason = pcap_statustostr(status);
    if (status == PCAP_ERROR_NO_SUCH_DEVICE) no_interface("there is no interface " + name, interfaces);
    if (status == PCAP_ERROR_IFACE_NOT_UP) no_interface("the interface " + name + " is not up", interfaces);
    if (status == PCAP_ERROR_PERM_DENIED)
        reason +=
            "; add NET_RAW to the container's capabilities (securityContext.capabilities.add), and run it as root";
    throw EngineError(SNIFFER_REFUSED, "the capture on " + name + " was refused: " + reason);
}

class LiveCapture final : public Capture {
 public:
    explicit LiveCapture(const Config& config) : buffer_size_(config.buffer_size) {
        const std::vector<Interface> interfaces = list_interfaces();
        interface_ = choose(config.interface, interfaces);
        for (const Interface& other : interfaces)
            addresses_.insert(addresses_.end(), other.addresses.begin(), other.addresses.end());
        open(interfaces);
        set_filter(config);
    }

    int dispatch(PacketHandler& handler, int timeout_ms) override {
        const int packets = hand_over(handler);
        if (packets != 0) return packets;
        wakeup_.wait(pcap_get_selectable_fd(handle_.get()), timeout_ms);
        return hand_over(handler);
    }
    void wake() override { wakeup_.wake(); }

    CaptureCounters counters() override {
        pcap_stat now{};
        if (pcap_stats(handle_.get(), &now) != 0) return counters_;
        // libpcap's are 32 bits wide and wrap.
        counters_.received += now.ps_recv - last_.ps_recv;
        counters_.kernel_dropped += now.ps_drop - last_.ps_drop;
        counters_.interface_dropped += now.ps_ifdrop - last_.ps_ifdrop;
        last_ = now;
        return counters_;
    }
    int link_type() const override { return pcap_datalink(handle_.get()); }
    std::string interface_name() const override { return interface_.name; }
    bool loopback() const override { return interface_.loopback; }
    std::vector<Address> addresses() const override { return addresses_; }
    std::string filter() const override { return filter_; }
    uint32_t buffer_size() const override { return buffer_size_; }

 private:
    struct Receiver {
        PacketHandler& handler;
        pcap_t* handle;
        std::exception_ptr failure;
    };

    void open(const std::vector<Interface>& interfaces) {
        char error[PCAP_ERRBUF_SIZE] = "";
        handle_.reset(pcap_create(interface_.name.c_str(), error));
        pcap_t* handle = handle_.get();
        if (!handle) throw EngineError(SNIFFER_REFUSED, "the capture on " + interface_.name + " was refused: " + error);
        // No immediate mode: with it libpcap falls back to TPACKET_V2, which loses packets under load.
        pcap_set_snaplen(handle, kSnapLength);
        pcap_set_promisc(handle, 0);
        pcap_set_timeout(handle, kKernelDelayMs);
        pcap_set_buffer_size(handle, static_cast<int>(buffer_size_));
        pcap_set_tstamp_precision(handle, PCAP_TSTAMP_PRECISION_NANO);
        check_activated(handle, pcap_activate(handle), interface_.name, interfaces);
        if (pcap_setnonblock(handle, 1, error) != 0) throw EngineError(SNIFFER_REFUSED, error);
        // The second version of the cooked header names the interface.
        if (interface_.name == kAny) pcap_set_datalink(handle, DLT_LINUX_SLL2);
        if (!link_supported(pcap_datalink(handle))) {
            const char* name = pcap_datalink_val_to_description_or_dlt(pcap_datalink(handle));
            throw EngineError(SNIFFER_REFUSED,
                              "the interface " + interface_.name + " has an unknown link type: " + name);
        }
    }

    void set_filter(const Config& config) {
        FilterProgram program(handle_.get(), config, FilterFor::all);
        filter_ = program.text();
        if (pcap_setfilter(handle_.get(), program.program()) != 0)
            throw EngineError(SNIFFER_REFUSED, std::string("the filter was refused: ") + pcap_geterr(handle_.get()));
        if (interface_.loopback) set_inbound_filter(config);
    }

    // Only the kernel can tell `inbound`. Given to libpcap it would lose packets: until the ring went
    // round once, libpcap filters in user space too, where no packet is inbound.
    void set_inbound_filter(const Config& config) {
        FilterProgram program(handle_.get(), config, FilterFor::all, true);
        const bpf_program& code = *program.program();
        // A bpf_insn is laid out as the kernel's sock_filter is.
        const sock_fprog filter{static_cast<unsigned short>(code.bf_len),
                                reinterpret_cast<sock_filter*>(code.bf_insns)};
        if (setsockopt(pcap_fileno(handle_.get()), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == 0)
            filter_ = program.text();
    }

    // No exception may pass through libpcap.
    static void receive(u_char* user, const pcap_pkthdr* header, const u_char* packet) {
        auto& receiver = *reinterpret_cast<Receiver*>(user);
        try {
            receiver.handler.on_packet(*header, packet, packet_time(*header));
        } catch (...) {
            receiver.failure = std::current_exception();
            pcap_breakloop(receiver.handle);
        }
    }

    int hand_over(PacketHandler& handler) {
        int packets = read(handler);
        if (packets >= 0) return packets;
        const std::string reason = pcap_geterr(handle_.get());
        // What came before the end is still in the kernel's hands, for as long as it waits to fill a block.
        std::this_thread::sleep_for(std::chrono::milliseconds(kKernelDelayMs + 10));
        packets = read(handler);
        if (packets <= 0) throw EngineError(SNIFFER_LOST, "the capture on " + interface_.name + " ended: " + reason);
        return packets;
    }

    int read(PacketHandler& handler) {
        Receiver receiver{handler, handle_.get(), nullptr};
        const int packets = pcap_dispatch(handle_.get(), kBatch, receive, reinterpret_cast<u_char*>(&receiver));
        if (receiver.failure) std::rethrow_exception(receiver.failure);
        return packets;
    }

    const uint32_t buffer_size_;
    Interface interface_;
    std::vector<Address> addresses_;
    std::string filter_;
    Wakeup wakeup_;
    PcapHandle handle_;
    CaptureCounters counters_;
    pcap_stat last_{};
};

}  // namespace

std::unique_ptr<Capture> open_live(const Config& config) { return std::make_unique<LiveCapture>(config); }

}  // namespace sniffer
