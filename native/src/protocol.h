// Names what is not HTTP/1 by its first bytes.
#pragma once

#include <string>
#include <string_view>

namespace sniffer {

// Its header goes before another protocol's first bytes, which may be HTTP.
constexpr std::string_view kProxyProtocol = "PROXY protocol";

struct Protocol {
    std::string_view name = "unknown";
    std::string sni, alpn;  // TLS: of the ClientHello; alpn as a comma-separated list
    bool known() const { return name != "unknown"; }
};

// `bytes`: the first that one side sent, empty lines included.
Protocol identify(std::string_view bytes);

// Whether these are a TLS ClientHello's first bytes, and more of it will tell more.
bool is_cut_client_hello(std::string_view bytes);

}  // namespace sniffer
