#include "protocol.h"

#include <cstdint>

#include "cursor.h"

namespace sniffer {
namespace {

struct Prefix {
    std::string_view bytes, name;
};

constexpr Prefix kPrefixes[] = {
    {"PRI * HTTP/2.0", "HTTP/2"},
    {"SSH-", "SSH"},
    {std::string_view("\r\n\r\n\0\r\nQUIT\n", 12), "PROXY protocol"},
    {"PROXY ", "PROXY protocol"},
    {"EHLO ", "SMTP"},
    {"HELO ", "SMTP"},
    {"220 ", "SMTP or FTP"},
    {"220-", "SMTP or FTP"},
    {"+OK ", "POP3"},
    {"* OK ", "IMAP"},
    {"AMQP", "AMQP"},
    {"RFB 00", "VNC"},
    {"INFO {", "NATS"},
    {"CONNECT {", "NATS"},
    {"*1\r\n$", "Redis"},
    {"*2\r\n$", "Redis"},
    {"*3\r\n$", "Redis"},
    {"*4\r\n$", "Redis"},
    {"PING\r\n", "Redis"},
};

bool is_rtsp_or_sip(std::string_view line, std::string_view& name) {
    line = line.substr(0, line.find('\n'));
    for (std::string_view protocol : {"RTSP", "SIP", "ICAP"}) {
        size_t at = line.find(protocol);
        if (at == std::string_view::npos || line.substr(at + protocol.size(), 1) != "/") continue;
        name = protocol;
        return true;
    }
    return false;
}

// The strings of a list whose items have a length of one byte, comma-separated (RFC 7301).
std::string alpn_names(Cursor list) {
    std::string names;
    while (list.remaining() > 0) {
        Cursor name = list.take(list.u8());
        if (!list.ok() || name.remaining() == 0) break;
        if (!names.empty()) names += ',';
        names.append(reinterpret_cast<const char*>(name.data()), name.remaining());
    }
    return names;
}

// RFC 6066 section 3.
std::string server_name(Cursor list) {
    list.skip(2);
    uint8_t type = list.u8();
    Cursor name = list.take(list.u16());
    if (!list.ok() || type != 0) return {};
    return {reinterpret_cast<const char*>(name.data()), name.remaining()};
}

// RFC 8446 section 4.1.2. A hello that is cut still tells what was seen of it.
void read_client_hello(Cursor record, Protocol& out) {
    record.skip(5);
    if (record.u8() != 1) return;
    record.skip(3 + 2 + 32);
    record.skip(record.u8());
    record.skip(record.u16());
    record.skip(record.u8());
    record.skip(2);
    while (record.ok() && record.remaining() >= 4) {
        uint16_t type = record.u16();
        Cursor extension = record.take(record.u16());
        if (!record.ok()) return;
        if (type == 0) out.sni = server_name(extension);
        if (type == 16) {
            extension.skip(2);
            out.alpn = alpn_names(extension);
        }
    }
}

}  // namespace

Protocol identify(std::string_view bytes) {
    Protocol out;
    auto at = [&](size_t i) { return i < bytes.size() ? static_cast<uint8_t>(bytes[i]) : 0x100; };
    for (const Prefix& prefix : kPrefixes)
        if (bytes.starts_with(prefix.bytes)) {
            out.name = prefix.name;
            return out;
        }
    if (at(0) >= 0x14 && at(0) <= 0x17 && at(1) == 3 && at(2) <= 4) {
        out.name = "TLS";
        if (at(0) == 0x16) read_client_hello(Cursor(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()), out);
    } else if (at(0) == 0x10 && (bytes.substr(0, 16).find("MQTT") != std::string_view::npos ||
                                 bytes.substr(0, 16).find("MQIsdp") != std::string_view::npos)) {
        out.name = "MQTT";
    } else if (at(0) == 0 && at(1) == 0 && at(4) == 0 && at(5) == 3 && at(6) == 0 && at(7) == 0) {
        out.name = "PostgreSQL";
    } else if (at(0) == 0 && at(3) == 8 && at(4) == 4 && at(5) == 0xd2 && at(6) == 0x16 && at(7) == 0x2f) {
        out.name = "PostgreSQL";  // SSLRequest
    } else if (at(3) == 0 && at(4) == 0x0a && bytes.size() > 20) {
        out.name = "MySQL";
    } else {
        is_rtsp_or_sip(bytes, out.name);
    }
    return out;
}

}  // namespace sniffer
