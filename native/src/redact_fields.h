// The formats that fields are redacted in. Each function appends `text` to `out` with the values
// of named fields replaced; none asks for a text that is whole or well-formed.
#pragma once

#include <string>
#include <string_view>

#include "redact.h"

namespace sniffer {

constexpr std::string_view kFormType = "application/x-www-form-urlencoded";

// What a Content-Type says without its parameters, in lower case.
std::string media_type(std::string_view content_type);

// Whether some take it for a form's media type: they look for the word, also in what is none or a list of types.
bool says_form(std::string_view type);

// Whether the charset that it says, if any, is one in which all of ASCII stands for itself. (In others names and
// separators are coded.)
bool is_ascii_charset(std::string_view content_type);

// Whether there are control characters in it besides tabs and line ends, which a text has.
bool has_controls(std::string_view text);

// Clients often send JSON under a form's type, or under none.
bool looks_like_json(std::string_view text);

// JSON, at any depth; keys may be spelled with escapes. A value of any type becomes a string.
void redact_json(std::string_view text, const NameSet& fields, Text& out);

// Whether a form's field has one of the names: `user[password]`, `user.password`, `user$password`, `user-password` and
// `password[]` are how forms spell depth, React puts `1_` in front, and PHP reads `api.key` and `api key` as api_key. A
// name that some readers end early has both names.
bool has_form_name(std::string_view name, const NameSet& fields);

// The same for a name that is percent-encoded.
bool has_coded_name(std::string_view name, const NameSet& fields);

// Whether it is text in UTF-8, in whose names nothing stands that must be encoded there.
bool is_form(std::string_view text);

// name=value&name=value, percent-encoded, where `a[b]` has the names a and b; or JSON; or both to different readers.
void redact_form_or_json(std::string_view text, const NameSet& fields, Text& out);

// name=value&name=value behind the `?` and `#` of a URL, ;name=value in its path.
void redact_url(std::string_view url, const NameSet& fields, Text& out);

// Whether it is multipart/form-data (RFC 7578) from the first delimiter to the closing one (RFC 2046 section 5.1.1),
// with nothing beside them, and one name for every part, so plainly written that no reader finds another.
bool is_whole_form_data(std::string_view content_type, std::string_view text);

// Any multipart; parts whose name is not to be redacted are searched as JSON, or as the form that they say they are.
void redact_multipart(std::string_view content_type, std::string_view text, const NameSet& fields, Text& out);

}  // namespace sniffer
