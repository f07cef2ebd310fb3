// Whether a text is JSON.
#pragma once

#include <string_view>

namespace sniffer {

// One value or more (as in newline-delimited JSON) of the grammar of RFC 8259, a byte order mark before them allowed.
// Values nested deeper than 512 are refused. Keys are UTF-8; bytes in other strings need not be.
bool is_json(std::string_view text);

}  // namespace sniffer
