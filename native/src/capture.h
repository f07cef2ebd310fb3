// Where packets come from: an interface or capture files, through libpcap.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "config.h"
#include "types.h"

struct pcap_pkthdr;

namespace sniffer {

class InterfaceNames;

// The capture filter, exactly as pcap_compile gets it. P = the ports, or fragments, or IPv6 with
// extension headers; U = the user's filter; two levels of VLAN tags where the link has them.
// `loopback`: begins with `inbound`, or else every packet of `lo` enters the ring twice.
std::string capture_filter(const std::vector<PortRange>& ports, const std::string& user, bool vlan, bool loopback);

struct Interface {
    std::string name;
    bool up = false, loopback = false;
    std::vector<Address> addresses;
};
std::vector<Interface> list_interfaces();

struct CaptureCounters {
    uint64_t received = 0;           // as the kernel counts: drops included
    uint64_t kernel_dropped = 0;     // the ring was full
    uint64_t interface_dropped = 0;  // the interface or its driver
};

class PacketHandler {
 public:
    virtual ~PacketHandler() = default;
    // The bytes are valid until this returns.
    virtual void on_packet(const pcap_pkthdr& header, const uint8_t* packet, Nanos time) = 0;
    virtual void on_link_type(int link_type) = 0;
    // A replay waits for the writer of its pipe: what is finished need not wait for more.
    virtual void on_idle() {}
};

// A source of packets. Every call but wake() comes from one thread at a time.
class Capture {
 public:
    virtual ~Capture() = default;
    // Hands over what is there, a bounded number of packets at most. Waits up to `timeout_ms` for
    // the first of them (live); wake() ends the wait. Returns the number of packets handed over;
    // -1 at the end of the files. Throws EngineError when the capture is over by itself.
    virtual int dispatch(PacketHandler& handler, int timeout_ms) = 0;
    // From any thread. A read that waits for a pipe's writer is given up: that replay is at its end.
    virtual void wake() = 0;
    virtual CaptureCounters counters() = 0;
    virtual int link_type() const = 0;               // -1: on_link_type() will tell, before the first packet
    virtual std::string interface_name() const = 0;  // empty for files
    virtual bool loopback() const = 0;
    virtual std::vector<Address> addresses() const = 0;  // of this machine; empty for files
    virtual std::string filter() const = 0;
    virtual uint32_t buffer_size() const = 0;
    // Of the packet that is being handed over: its interface's number where the file names it (open_files()), else 0.
    virtual uint32_t packet_interface() const { return 0; }
};

// How long a packet may wait in the kernel's ring before it is handed over (milliseconds).
constexpr int kKernelDelayMs = 50;

// Throw EngineError: the interface or file is not there, the filter does not compile, the system
// refuses.
std::unique_ptr<Capture> open_live(const Config&);
// `interfaces`: also tells each packet's interface, with its name there.
std::unique_ptr<Capture> open_files(const Config&, InterfaceNames* interfaces = nullptr);

}  // namespace sniffer
