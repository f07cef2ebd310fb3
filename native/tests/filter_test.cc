// The capture filter: compiled by libpcap and run on packets.
#include <gtest/gtest.h>
#include <pcap/pcap.h>

#include "error.h"
#include "packets.h"
#include "pcap_handle.h"

namespace sniffer {
namespace {

using namespace test;

Config config_of(std::vector<PortRange> ports, const std::string& user = "") {
    Config config;
    config.ports = std::move(ports);
    config.filter = user;
    return config;
}

class Filter {
 public:
    explicit Filter(int link_type, const Config& config = config_of({{8080, 8080}}))
        : handle_(pcap_open_dead(link_type, 262144)), program_(handle_.get(), config, FilterFor::messages) {}

    bool takes(const Bytes& frame) {
        pcap_pkthdr header{};
        header.caplen = header.len = static_cast<uint32_t>(frame.size());
        return program_.matches(header, reinterpret_cast<const uint8_t*>(frame.data()));
    }
    bpf_program* program() { return program_.program(); }

 private:
    PcapHandle handle_;
    FilterProgram program_;
};

const Tcp kOther{.source = 40000, .destination = 81};
const Bytes kWanted4 = Ipv4().bytes(Tcp().v4()), kWanted6 = Ipv6().bytes(Tcp().v6());
const Bytes kOther4 = Ipv4().bytes(kOther.v4()), kOther6 = Ipv6().bytes(kOther.v6());
const Bytes kAnswer4 = Ipv4().bytes(Tcp{.source = 8080, .destination = 40000}.v4());

TEST(CaptureFilter, Text) {
    const std::string plain =
        "(tcp port 80 or tcp portrange 9000-9100 or (ip proto 6 and ip[6:2] & 0x3fff != 0) or "
        "ip6[6] = 0 or ip6[6] = 43 or ip6[6] = 44 or ip6[6] = 51 or ip6[6] = 60)";
    const std::vector<PortRange> ports{{80, 80}, {9000, 9100}};
    EXPECT_EQ(capture_filter(ports, "", false, false), plain);
    const std::string both = "(" + plain + " and (udp or host ::1))";
    EXPECT_EQ(capture_filter(ports, "udp or host ::1", false, true), "inbound and (" + both + ")");
    EXPECT_EQ(capture_filter(ports, "udp or host ::1", true, false),
              both + " or (vlan and (" + both + " or (vlan and " + both + ")))");
}

TEST(CaptureFilter, Ethernet) {
    Filter filter(DLT_EN10MB);
    EXPECT_TRUE(filter.takes(ethernet(0x0800, kWanted4)));
    EXPECT_TRUE(filter.takes(ethernet(0x0800, kAnswer4)));
    EXPECT_TRUE(filter.takes(ethernet(0x86dd, kWanted6)));
    EXPECT_FALSE(filter.takes(ethernet(0x0800, kOther4)));
    EXPECT_FALSE(filter.takes(ethernet(0x86dd, kOther6)));
    EXPECT_FALSE(filter.takes(ethernet(0x0806, zeros(46))));
    EXPECT_FALSE(filter.takes(ethernet(0x0800, Ipv4{.protocol = 17}.bytes(Tcp().v4()))));
}

TEST(CaptureFilter, OneAndTwoVlanTags) {
    Filter filter(DLT_EN10MB);
    for (const uint16_t outer : std::initializer_list<uint16_t>{0x8100, 0x88a8, 0x9100}) {
        EXPECT_TRUE(filter.takes(ethernet(outer, vlan_tag(0x0800) + kWanted4)));
        EXPECT_TRUE(filter.takes(ethernet(outer, vlan_tag(0x86dd) + kWanted6)));
        EXPECT_TRUE(filter.takes(ethernet(outer, vlan_tag(0x8100) + vlan_tag(0x0800) + kWanted4)));
        EXPECT_TRUE(filter.takes(ethernet(outer, vlan_tag(0x8100) + vlan_tag(0x86dd) + kWanted6)));
        EXPECT_FALSE(filter.takes(ethernet(outer, vlan_tag(0x0800) + kOther4)));
        EXPECT_FALSE(filter.takes(ethernet(outer, vlan_tag(0x8100) + vlan_tag(0x0800) + kOther4)));
    }
}

TEST(CaptureFilter, TheUsersPartHoldsBehindTagsToo) {
    Filter filter(DLT_EN10MB, config_of({{8080, 8080}}, "host 10.0.0.2 and not host 10.0.0.3 or ip6"));
    Filter nothing(DLT_EN10MB, config_of({{8080, 8080}}, "host 10.0.0.3 or host 10.0.0.4"));
    for (const Bytes& frame : {ethernet(0x0800, kWanted4), ethernet(0x8100, vlan_tag(0x0800) + kWanted4),
                               ethernet(0x88a8, vlan_tag(0x8100) + vlan_tag(0x0800) + kWanted4)}) {
        EXPECT_TRUE(filter.takes(frame));
        EXPECT_FALSE(nothing.takes(frame));
    }
    EXPECT_TRUE(filter.takes(ethernet(0x8100, vlan_tag(0x86dd) + kWanted6)));
    EXPECT_FALSE(filter.takes(ethernet(0x8100, vlan_tag(0x86dd) + kOther6)));
}

// Their ports are elsewhere, so all of TCP come in; other protocols' do not.
TEST(CaptureFilter, Fragments) {
    Filter filter(DLT_EN10MB);
    for (const uint16_t place :
         std::initializer_list<uint16_t>{0x2000, 0x2010, 0x0010}) {  // the first, one between, the last
        const Bytes fragment = Ipv4{.fragment = place}.bytes(kOther.v4());
        EXPECT_TRUE(filter.takes(ethernet(0x0800, fragment)));
        EXPECT_TRUE(filter.takes(ethernet(0x8100, vlan_tag(0x0800) + fragment)));
        EXPECT_FALSE(filter.takes(ethernet(0x0800, Ipv4{.protocol = 17, .fragment = place}.bytes(kOther.v4()))));
    }
    EXPECT_FALSE(filter.takes(ethernet(0x0800, Ipv4{.fragment = 0x4000}.bytes(kOther.v4()))));  // DF is no fragment
}

TEST(CaptureFilter, Ipv6ExtensionHeaders) {
    Filter filter(DLT_EN10MB);
    for (const uint8_t next : std::initializer_list<uint8_t>{0, 43, 44, 51, 60}) {
        const Bytes packet = Ipv6{.next = next}.bytes(number(6, 1) + zeros(7) + Tcp().v6());
        EXPECT_TRUE(filter.takes(ethernet(0x86dd, packet))) << int{next};
        EXPECT_TRUE(filter.takes(ethernet(0x8100, vlan_tag(0x8100) + vlan_tag(0x86dd) + packet))) << int{next};
    }
    EXPECT_FALSE(filter.takes(ethernet(0x86dd, Ipv6{.next = 58}.bytes(zeros(8)))));  // ICMPv6
}

TEST(CaptureFilter, EveryLinkType) {
    const std::pair<int, Bytes> links[] = {{DLT_LINUX_SLL, cooked_v1(0x0800, "")},
                                           {DLT_LINUX_SLL2, cooked_v2(0x0800, "")},
                                           {DLT_RAW, ""},
                                           {DLT_IPV4, ""},
                                           {DLT_NULL, number(0x02000000, 4)},
                                           {DLT_LOOP, number(2, 4)}};
    for (const auto& [link_type, head] : links) {
        Filter filter(link_type, config_of({{8080, 8080}}, "tcp"));
        EXPECT_TRUE(filter.takes(head + kWanted4)) << link_type;
        EXPECT_FALSE(filter.takes(head + kOther4)) << link_type;
    }
    Filter ipv6(DLT_IPV6);
    EXPECT_TRUE(ipv6.takes(kWanted6));
    EXPECT_FALSE(ipv6.takes(kOther6));
}

// 64 ranges is the most that the schema allows; the kernel takes programs of 4096 instructions.
TEST(CaptureFilter, TheMostPortsFitTheKernel) {
    std::vector<PortRange> ports;
    for (uint16_t first = 1000; ports.size() < 64; first = static_cast<uint16_t>(first + 10))
        ports.push_back({first, static_cast<uint16_t>(first + 5)});
    Filter filter(DLT_EN10MB, config_of(ports, "not host 10.0.0.7"));
    EXPECT_LE(filter.program()->bf_len, 4096u);
    for (const uint16_t port : std::initializer_list<uint16_t>{1000, 1005, 1630, 1635})
        EXPECT_TRUE(filter.takes(ethernet(0x8100, vlan_tag(0x0800) + Ipv4().bytes(Tcp{.destination = port}.v4()))));
    for (const uint16_t port : std::initializer_list<uint16_t>{999, 1006, 1636})
        EXPECT_FALSE(filter.takes(ethernet(0x8100, vlan_tag(0x0800) + Ipv4().bytes(Tcp{.destination = port}.v4()))));
}

TEST(CaptureFilter, WhatDoesNotCompileIsNamed) {
    for (const char* user :
         {"host", "tcp port", "no such thing", "(tcp", "tcp)", "tcp) or (udp", "host 10.0.0.2) or (tcp"}) {
        try {
            Filter filter(DLT_EN10MB, config_of({{80, 80}}, user));
            ADD_FAILURE() << user;
        } catch (const EngineError& error) {
            EXPECT_EQ(error.status(), SNIFFER_CONFIG);
            const std::string text = error.what();
            EXPECT_NE(text.find("captureFilter"), std::string::npos) << text;
            EXPECT_NE(text.find(user), std::string::npos) << text;
        }
    }
}

}  // namespace
}  // namespace sniffer
