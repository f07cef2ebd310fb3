// Prefix-preserving anonymisation (Xu, Fan, Ammar, Moon: "Crypto-PAn", 2002): two addresses that share
// n bits share n bits afterwards. Clients' ports are permuted; payloads stay as they are.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "config.h"
#include "types.h"

struct evp_cipher_ctx_st;

namespace sniffer {

class Anonymizer {
 public:
    // `key`: 32 bytes. Ports among `kept` are the servers' and stay.
    Anonymizer(const std::string& key, std::vector<PortRange> kept);
    ~Anonymizer();

    // Changes a captured packet in place. What is not IP becomes zeros: nothing may leak.
    void rewrite(int link_type, uint8_t* packet, uint32_t captured, uint32_t wire);
    Address address(const Address& original);
    uint16_t port(uint16_t original);

 private:
    struct CipherFree {
        void operator()(evp_cipher_ctx_st* cipher) const;
    };
    bool kept(uint16_t port) const;
    uint16_t permute(uint16_t port);
    void encrypt(const uint8_t (&in)[16], uint8_t (&out)[16]);
    bool rewrite_ip(uint8_t* ip, uint32_t captured, uint32_t wire);
    void rewrite_address(uint8_t* at, uint32_t size, uint8_t* checksum);
    void rewrite_ports(uint8_t* ports, uint8_t* checksum);

    std::unique_ptr<evp_cipher_ctx_st, CipherFree> cipher_;
    uint8_t pad_[16];
    std::vector<PortRange> kept_;
    std::unordered_map<std::string, Address> known_;
    std::unordered_map<uint16_t, uint16_t> ports_;
};

}  // namespace sniffer
