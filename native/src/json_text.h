// Text inside a JSON string (RFC 8259 section 7).
#pragma once

#include <cstddef>
#include <string_view>

#include "text.h"

namespace sniffer {

// The most bytes that one input byte becomes: \u001f.
constexpr size_t kMaxEscape = 6;

// Appends `in` as the inside of a JSON string. Only what must be escaped is; bytes from 0x7f on
// pass as they are, so valid UTF-8 stays valid. True when all of `in` was ASCII.
bool escape_json(std::string_view in, Text& out);

// The same, byte by byte: for other machines, and what the fast version is tested against.
bool escape_json_portable(std::string_view in, Text& out);

// The same, but `out` ends at the first input byte that would take it beyond `limit` bytes in
// all. Returns the input bytes that went in.
size_t escape_json_within(std::string_view in, size_t limit, Text& out);

// The same for bytes that are U+0000 to U+00FF each (Latin-1).
size_t escape_latin1_within(std::string_view in, size_t limit, Text& out);

}  // namespace sniffer
