#include "anonymizer.h"

#include <openssl/evp.h>
#include <pcap/dlt.h>

#include <algorithm>
#include <cstring>

#include "cursor.h"
#include "error.h"
#include "ip_header.h"
#include "link.h"

namespace sniffer {
namespace {

constexpr uint8_t kTcp = 6, kUdp = 17;
constexpr size_t kMostKnown = 65536;  // addresses whose replacement is remembered

uint16_t read16(const uint8_t* at) { return static_cast<uint16_t>(at[0] << 8 | at[1]); }
void write16(uint8_t* at, uint32_t value) {
    at[0] = static_cast<uint8_t>(value >> 8);
    at[1] = static_cast<uint8_t>(value);
}

// RFC 1624: the checksum after one word of what it covers has changed.
void adjust(uint8_t* checksum, uint16_t before, uint16_t after) {
    if (!checksum) return;
    uint32_t sum =
        static_cast<uint16_t>(~read16(checksum)) + static_cast<uint32_t>(static_cast<uint16_t>(~before)) + after;
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    write16(checksum, ~sum);
}

// The link layer's addresses name machines too.
void clear_hardware_addresses(int link_type, uint8_t* packet, uint32_t captured) {
    const auto clear = [&](uint32_t from, uint32_t to) {
        if (captured >= to) std::memset(packet + from, 0, to - from);
    };
    if (link_type == DLT_EN10MB) clear(0, 12);
    if (link_type == DLT_LINUX_SLL) clear(6, 14);
    if (link_type == DLT_LINUX_SLL2) clear(12, 20);
}

}  // namespace

void Anonymizer::CipherFree::operator()(evp_cipher_ctx_st* cipher) const { EVP_CIPHER_CTX_free(cipher); }

Anonymizer::Anonymizer(const std::string& key, std::vector<PortRange> kept)
    : cipher_(EVP_CIPHER_CTX_new()), kept_(std::move(kept)) {
    const uint8_t* bytes = reinterpret_cast<const uint8_t*>(key.data());
    if (key.size() != 32 || !EVP_EncryptInit_ex(cipher_.get(), EVP_aes_128_ecb(), nullptr, bytes, nullptr))
        throw EngineError(SNIFFER_CONFIG, "the key of recording.anonymize has to be 32 bytes");
    EVP_CIPHER_CTX_set_padding(cipher_.get(), 0);
    uint8_t second[16];
    std::memcpy(second, bytes + 16, sizeof second);
    encrypt(second, pad_);
}

Anonymizer::~Anonymizer() = default;

void Anonymizer::encrypt(const uint8_t (&in)[16], uint8_t (&out)[16]) {
    int size = 0;
    EVP_EncryptUpdate(cipher_.get(), out, &size, in, sizeof in);
}

// Bit i of the replacement depends on the bits before it alone.
Address Anonymizer::address(const Address& original) {
    const bool v4 = original.is_v4();
    const std::string name(reinterpret_cast<const char*>(original.bytes.data()), original.bytes.size());
    if (const auto found = known_.find(name); found != known_.end()) return found->second;
    const size_t first = v4 ? 12 : 0, bits = v4 ? 32 : 128;
    uint8_t input[16], output[16];
    std::memcpy(input, pad_, sizeof input);
    Address out = original;
    for (size_t i = 0; i < bits; ++i) {
        encrypt(input, output);
        const uint8_t mask = static_cast<uint8_t>(0x80 >> i % 8);
        const uint8_t bit = original.bytes[first + i / 8] & mask;
        if (output[0] & 0x80) out.bytes[first + i / 8] ^= mask;
        input[i / 8] = static_cast<uint8_t>((input[i / 8] & ~mask) | bit);
    }
    if (known_.size() >= kMostKnown) known_.clear();
    known_[name] = out;
    return out;
}

bool Anonymizer::kept(uint16_t port) const {
    return std::any_of(kept_.begin(), kept_.end(),
                       [port](const PortRange& range) { return port >= range.first && port <= range.last; });
}

// A Feistel network of four rounds: a permutation, so that no two ports become one.
uint16_t Anonymizer::permute(uint16_t port) {
    uint8_t left = static_cast<uint8_t>(port >> 8), right = static_cast<uint8_t>(port);
    for (uint8_t round = 0; round < 4; ++round) {
        uint8_t input[16] = {'p', 'o', 'r', 't', round, right}, output[16];
        encrypt(input, output);
        const uint8_t next = left ^ output[0];
        left = right;
        right = next;
    }
    return static_cast<uint16_t>(left << 8 | right);
}

uint16_t Anonymizer::port(uint16_t original) {
    if (kept(original)) return original;
    const auto [place, fresh] = ports_.try_emplace(original);
    if (!fresh) return place->second;
    // Until it is no server's: this stays a permutation of the clients' ports.
    uint16_t mapped = permute(original);
    while (kept(mapped)) mapped = permute(mapped);
    return place->second = mapped;
}

void Anonymizer::rewrite(int link_type, uint8_t* packet, uint32_t captured, uint32_t wire) {
    Cursor frame(packet, captured, wire);
    const Link link = strip_link(link_type, frame);
    const uint32_t offset = static_cast<uint32_t>(frame.data() - packet);
    clear_hardware_addresses(link_type, packet, captured);
    const bool ip = link == Link::ipv4 || link == Link::ipv6;
    if (!ip || !rewrite_ip(packet + offset, captured - offset, wire - offset)) std::memset(packet, 0, captured);
}

bool Anonymizer::rewrite_ip(uint8_t* ip, uint32_t captured, uint32_t wire) {
    const bool v4 = captured >= 20 && ip[0] >> 4 == 4;
    IpPacket packet;
    const Cursor cursor(ip, captured, wire);
    const Verdict verdict = v4 ? parse_ipv4(cursor, packet) : parse_ipv6(cursor, packet);
    if (verdict == Verdict::malformed || packet.payload.data() == nullptr) return false;
    const bool later_fragment = v4 ? (read16(ip + 6) & 0x1fff) != 0 : packet.fragment_offset != 0;
    uint8_t* payload = ip + (packet.payload.data() - ip);
    const uint32_t size = later_fragment ? 0 : packet.payload.captured();
    uint8_t* checksum = nullptr;
    if (packet.protocol == kTcp && size >= 18) checksum = payload + 16;
    if (packet.protocol == kUdp && size >= 8 && read16(payload + 6) != 0) checksum = payload + 6;  // 0: there is none
    const uint32_t length = v4 ? 4 : 16;
    uint8_t* addresses = ip + (v4 ? 12 : 8);
    for (uint32_t i = 0; i < 2; ++i) {
        if (v4) {
            uint8_t before[4];
            std::memcpy(before, addresses + 4 * i, sizeof before);
            rewrite_address(addresses + 4 * i, length, checksum);
            for (size_t word = 0; word < 4; word += 2)
                adjust(ip + 10, read16(before + word), read16(addresses + 4 * i + word));
        } else {
            rewrite_address(addresses + 16 * i, length, checksum);
        }
    }
    const bool ports = packet.protocol == kTcp || packet.protocol == kUdp;
    if (ports && size >= 4) rewrite_ports(payload, checksum);
    return true;
}

void Anonymizer::rewrite_address(uint8_t* at, uint32_t size, uint8_t* checksum) {
    const Address changed = address(size == 4 ? Address::v4(at) : Address::v6(at));
    const uint8_t* bytes = changed.bytes.data() + (16 - size);
    for (uint32_t word = 0; word < size; word += 2) adjust(checksum, read16(at + word), read16(bytes + word));
    std::memcpy(at, bytes, size);
}

void Anonymizer::rewrite_ports(uint8_t* ports, uint8_t* checksum) {
    for (int i = 0; i < 2; ++i) {
        const uint16_t before = read16(ports + 2 * i), after = port(before);
        write16(ports + 2 * i, after);
        adjust(checksum, before, after);
    }
}

}  // namespace sniffer
