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
    {std::string_view("\r\n\r\n\0\r\nQUIT\n", 12), kProxyProtocol},
    {"PROXY ", kProxyProtocol},
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
    {"PING\r\n", "Redis"},
};

// An array of strings, as each command is one: its length, and the first string's.
bool is_redis_array(std::string_view bytes) {
    if (!bytes.starts_with('*')) return false;
    const size_t end = bytes.find_first_not_of("0123456789", 1);
    return end > 1 && end != std::string_view::npos && bytes.substr(end).starts_with("\r\n$");
}

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

// Reads one field after the other; behind the end all are 0, and ok() is false.
class Fields {
 public:
    explicit Fields(std::string_view bytes)
        : cursor_(reinterpret_cast<const uint8_t*>(bytes.data()), static_cast<uint32_t>(bytes.size()), 0) {}
    uint8_t u8() { return static_cast<uint8_t>(number(1, cursor_.u8(0))); }
    uint16_t u16() { return static_cast<uint16_t>(number(2, cursor_.u16(0))); }
    void skip(uint32_t size) { ok_ = ok_ && cursor_.skip(size); }
    std::string_view bytes(uint32_t size) {
        std::string_view out(reinterpret_cast<const char*>(cursor_.data()), cursor_.captured());
        skip(size);
        return ok_ ? out.substr(0, size) : std::string_view();
    }
    bool ok() const { return ok_; }
    bool empty() const { return cursor_.captured() == 0; }

 private:
    unsigned number(uint32_t size, unsigned value) {
        skip(size);
        return ok_ ? value : 0;
    }
    Cursor cursor_;
    bool ok_ = true;
};

// RFC 7301 section 3.1: comma-separated here.
std::string alpn_names(std::string_view extension) {
    std::string names;
    Fields list(extension);
    list.skip(2);
    while (list.ok() && !list.empty()) {
        std::string_view name = list.bytes(list.u8());
        if (!names.empty()) names += ',';
        names.append(name);
    }
    return names;
}

// RFC 6066 section 3.
std::string server_name(std::string_view extension) {
    Fields list(extension);
    list.skip(2);
    bool host_name = list.u8() == 0;
    std::string_view name = list.bytes(list.u16());
    return std::string(host_name ? name : std::string_view());
}

// RFC 8446 section 4.1.2. A hello that is cut still tells what was seen of it.
void read_client_hello(std::string_view record, Protocol& out) {
    Fields hello(record);
    hello.skip(5);
    if (hello.u8() != 1) return;
    hello.skip(3 + 2 + 32);
    hello.skip(hello.u8());
    hello.skip(hello.u16());
    hello.skip(hello.u8());
    hello.skip(2);
    while (hello.ok() && !hello.empty()) {
        uint16_t type = hello.u16();
        std::string_view extension = hello.bytes(hello.u16());
        if (type == 0) out.sni = server_name(extension);
        if (type == 16) out.alpn = alpn_names(extension);
    }
}

Protocol identify_first(std::string_view bytes) {
    Protocol out;
    auto at = [&](size_t i) { return i < bytes.size() ? static_cast<uint8_t>(bytes[i]) : 0x100; };
    for (const Prefix& prefix : kPrefixes)
        if (bytes.starts_with(prefix.bytes)) {
            out.name = prefix.name;
            return out;
        }
    if (at(0) >= 0x14 && at(0) <= 0x17 && at(1) == 3 && at(2) <= 4) {
        out.name = "TLS";
        if (at(0) == 0x16) read_client_hello(bytes, out);
    } else if (at(0) == 0x10 && (bytes.substr(0, 16).find("MQTT") != std::string_view::npos ||
                                 bytes.substr(0, 16).find("MQIsdp") != std::string_view::npos)) {
        out.name = "MQTT";
    } else if (at(0) == 0 && at(1) == 0 && at(4) == 0 && at(5) == 3 && at(6) == 0 && at(7) == 0) {
        out.name = "PostgreSQL";
    } else if (at(0) == 0 && at(3) == 8 && at(4) == 4 && at(5) == 0xd2 && at(6) == 0x16 && at(7) == 0x2f) {
        out.name = "PostgreSQL";  // SSLRequest
    } else if (at(3) == 0 && at(4) == 0x0a && bytes.size() > 20) {
        out.name = "MySQL";
    } else if (is_redis_array(bytes)) {
        out.name = "Redis";
    } else {
        is_rtsp_or_sip(bytes, out.name);
    }
    return out;
}

}  // namespace

bool is_cut_client_hello(std::string_view bytes) {
    if (bytes.empty() || bytes[0] != 0x16 || (bytes.size() > 1 && bytes[1] != 3)) return false;
    Fields record(bytes);
    record.skip(3);
    size_t length = record.u16();
    return !record.ok() || bytes.size() < 5 + length;
}

// Empty lines may come first, as before a request; of some they are part.
Protocol identify(std::string_view bytes) {
    Protocol out = identify_first(bytes);
    const size_t blank = bytes.find_first_not_of("\r\n");
    if (!out.known() && blank > 0 && blank != std::string_view::npos) out = identify_first(bytes.substr(blank));
    return out;
}

}  // namespace sniffer
