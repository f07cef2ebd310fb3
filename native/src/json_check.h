// Whether a text is JSON.
#pragma once

#include <string_view>

namespace sniffer {

// One value or more (as in newline-delimited JSON) of the grammar of RFC 8259, a byte order mark before them allowed.
// Values nested deeper than 512 are refused. Bytes in strings need not be UTF-8.
bool is_json(std::string_view text);

}  // namespace sniffer
