// The formats that fields are redacted in. Each function appends `text` to `out` with the values
// of named fields replaced; none asks for a text that is whole or well-formed.
#pragma once

#include <string_view>

#include "redact.h"

namespace sniffer {

// JSON, at any depth; keys may be spelled with escapes. A value of any type becomes a string.
void redact_json(std::string_view text, const NameSet& fields, Text& out);

// name=value&name=value, percent-encoded. `a[b]` has the names a and b.
void redact_form(std::string_view text, const NameSet& fields, Text& out);

// The same, behind the `?` and `#` of a URL.
void redact_url(std::string_view url, const NameSet& fields, Text& out);

// Whether the first delimiter and the closing one are there (RFC 2046 section 5.1.1).
bool is_whole_multipart(std::string_view content_type, std::string_view text);

// multipart/form-data (RFC 7578); parts that are not named are searched as JSON.
void redact_multipart(std::string_view content_type, std::string_view text, const NameSet& fields, Text& out);

}  // namespace sniffer
