#include <cstdint>
#include <string>

#include "ascii.h"
#include "byte_set.h"
#include "redact_fields.h"
#include "redact_search.h"

namespace sniffer {

namespace {

// The four digits after \u; -1 where they are not there.
int32_t code_unit(std::string_view digits) {
    if (digits.size() < 4) return -1;
    int32_t unit = 0;
    for (const char c : digits.substr(0, 4)) {
        const int value = hex_value(c);
        if (value < 0) return -1;
        unit = unit << 4 | value;
    }
    return unit;
}

void append_utf8(uint32_t code, std::string& out) {
    if (code < 0x80) {
        out += static_cast<char>(code);
    } else if (code < 0x800) {
        out += static_cast<char>(0xc0 | code >> 6);
        out += static_cast<char>(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        out += static_cast<char>(0xe0 | code >> 12);
        out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
        out += static_cast<char>(0x80 | (code & 0x3f));
    } else {
        out += static_cast<char>(0xf0 | code >> 18);
        out += static_cast<char>(0x80 | (code >> 12 & 0x3f));
        out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
        out += static_cast<char>(0x80 | (code & 0x3f));
    }
}

// Appends the character of the \u escape whose digits begin at `at`; returns where it ends.
size_t append_escaped(std::string_view text, size_t at, std::string& out) {
    const int32_t unit = code_unit(text.substr(at));
    if (unit < 0) return at;
    at += 4;
    if (unit >= 0xd800 && unit < 0xdc00 && text.substr(at, 2) == "\\u") {  // a surrogate pair
        const int32_t low = code_unit(text.substr(at + 2));
        if (low >= 0xdc00 && low < 0xe000) {
            append_utf8(0x10000 + ((static_cast<uint32_t>(unit) & 0x3ff) << 10 | (static_cast<uint32_t>(low) & 0x3ff)),
                        out);
            return at + 6;
        }
    }
    append_utf8(static_cast<uint32_t>(unit), out);
    return at;
}

std::string unescaped(std::string_view text) {
    std::string out;
    for (size_t at = 0; at < text.size();) {
        if (text[at] != '\\' || at + 1 == text.size()) {
            out += text[at++];
        } else if (text[at + 1] == 'u') {
            at = append_escaped(text, at + 2, out);
        } else {
            out += text[at + 1];
            at += 2;
        }
    }
    return out;
}

}  // namespace

bool JsonSearch::next(Found& found) {
    while ((at_ = text_.find('"', at_)) < text_.size()) {
        const size_t key = at_ + 1, colon = skip_space(at_ = string_end(at_, true));
        if (colon >= text_.size() || text_[colon] != ':' || !named(text_.substr(key, at_ - key - 1))) continue;
        const size_t value = skip_space(colon + 1);
        if (value == text_.size()) return false;
        found = {value, at_ = value_end(value), true};
        return true;
    }
    return false;
}

bool JsonSearch::named(std::string_view key) const {
    return key.find('\\') == std::string_view::npos ? fields_.has(key) : fields_.has(unescaped(key));
}

size_t JsonSearch::skip_space(size_t at) const {
    const size_t end = text_.find_first_not_of(" \t\r\n", at);
    return end == std::string_view::npos ? text_.size() : end;
}

// Behind the closing quote. No line feed stands in a string (RFC 8259 section 7): a quote too
// many in one line must not turn the next ones inside out.
size_t JsonSearch::string_end(size_t quote, bool one_line) const {
    for (size_t at = quote + 1; at < text_.size(); ++at) {
        if (text_[at] == '"') return at + 1;
        if (text_[at] == '\\')
            ++at;
        else if (one_line && text_[at] == '\n')
            return at + 1;
    }
    return text_.size();
}

size_t JsonSearch::value_end(size_t at) const {
    if (text_[at] == '"') return string_end(at, false);
    if (text_[at] == '{' || text_[at] == '[') return nested_end(at);
    static constexpr ByteSet kEnds(",]} \t\r\n");
    return kEnds.find_in(text_, at);
}

size_t JsonSearch::nested_end(size_t at) const {
    for (size_t depth = 0; at < text_.size();) {
        const char c = text_[at];
        if (c == '"') {
            at = string_end(at, false);
            continue;
        }
        ++at;
        if (c == '{' || c == '[') ++depth;
        if ((c == '}' || c == ']') && --depth == 0) return at;
    }
    return text_.size();
}

void redact_json(std::string_view text, const NameSet& fields, Text& out) {
    replace_found(text, JsonSearch(text, fields), out);
}

}  // namespace sniffer
