// The formats that fields are redacted in. Each function appends `text` to `out` with the values
// of named fields replaced; none asks for a text that is whole or well-formed.
#pragma once

#include <string_view>

#include "redact.h"

namespace sniffer {

// JSON, at any depth; keys may be spelled with escapes. A value of any type becomes a string.
void redact_json(std::string_view text, const NameSet& fields, Text& out);

// Whether a form's field has one of the names: `user[password]` and `password[]` are how forms spell depth.
bool has_form_name(std::string_view name, const NameSet& fields);

// name=value&name=value, percent-encoded. `a[b]` has the names a and b.
void redact_form(std::string_view text, const NameSet& fields, Text& out);

// The same, behind the `?` and `#` of a URL.
void redact_url(std::string_view url, const NameSet& fields, Text& out);

// Whether it is multipart/form-data (RFC 7578) from the first delimiter to the closing one (RFC 2046 section 5.1.1),
// with a name for every part and nothing beside them.
bool is_whole_form_data(std::string_view content_type, std::string_view text);

// Any multipart; parts whose name is not to be redacted are searched as JSON.
void redact_multipart(std::string_view content_type, std::string_view text, const NameSet& fields, Text& out);

}  // namespace sniffer
