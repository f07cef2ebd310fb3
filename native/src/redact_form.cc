#include <algorithm>
#include <string>

#include "ascii.h"
#include "byte_set.h"
#include "redact_fields.h"
#include "utf8.h"

namespace sniffer {

namespace {

std::string percent_decoded(std::string_view text) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        const int high = text[i] == '%' && i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
        const int low = high >= 0 ? hex_value(text[i + 2]) : -1;
        if (low >= 0) {
            out += static_cast<char>(high << 4 | low);
            i += 2;
        } else {
            out += text[i] == '+' ? ' ' : text[i];
        }
    }
    return out;
}

// Where a name ends, where the next parameter begins, and where a value that is withheld ends: where the reader takes
// no `;`, or no line end, for a separator, what follows it is part of the value.
struct Separators {
    ByteSet names, values, withheld;
};

void redact_pairs(std::string_view text, const Separators& ends, const NameSet& fields, Text& out) {
    size_t copied = 0;
    for (size_t at = 0; at < text.size(); ++at) {  // over the separator
        const size_t name = at;
        at = ends.names.find_in(text, name);
        if (at + 1 >= text.size() || text[at] != '=') continue;
        const size_t value = at + 1;
        at = ends.values.find_in(text, value);
        if (!has_coded_name(text.substr(name, value - 1 - name), fields)) continue;
        at = ends.withheld.find_in(text, value);
        out.append(text.substr(copied, value - copied));
        out.append(kRedacted);
        copied = at;
    }
    out.append(text.substr(copied));
}

}  // namespace

bool has_controls(std::string_view text) {
    using namespace std::string_view_literals;
    static constexpr ByteSet kControls(
        "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d"
        "\x1e\x1f\x7f"sv);
    return kControls.find_in(text) < text.size();
}

// Some readers leave out white space around it.
bool has_form_name(std::string_view name, const NameSet& fields) {
    name = trim(name);
    if (fields.has(name)) return true;
    for (size_t at = 0; at < name.size();) {
        static constexpr ByteSet kBrackets("[]");
        const size_t end = kBrackets.find_in(name, at);
        if (end > at && fields.has(name.substr(at, end - at))) return true;
        at = end + 1;
    }
    return false;
}

bool has_coded_name(std::string_view name, const NameSet& fields) {
    if (fields.has(name)) return true;
    static constexpr ByteSet kCoded("%+[ \t");
    return kCoded.find_in(name) < name.size() && has_form_name(percent_decoded(name), fields);
}

bool is_form(std::string_view text) {
    if (!valid_utf8(text) || has_controls(text)) return false;
    static constexpr ByteSet kEnds("=&"), kNever(" \t\r\n\"'<>\\{}");
    for (size_t at = 0; at < text.size(); ++at) {  // over the `&`
        if (text[at] == '&') continue;
        const size_t end = kEnds.find_in(text, at);
        const std::string_view name = trim(text.substr(at, end - at));
        if (kNever.find_in(name) < name.size()) return false;
        at = end < text.size() && text[end] == '=' ? std::min(text.find('&', end), text.size()) : end;
    }
    return true;
}

void redact_form_or_json(std::string_view text, const NameSet& fields, Text& out) {
    const size_t start = out.size();
    redact_form(text, fields, out);
    // Well-formed JSON is still that, or cut: `=` and `&` stand in strings alone.
    if (out.view().find('"', start) == std::string_view::npos) return;
    const std::string form(out.view().substr(start));
    out.cut(start);
    redact_json(form, fields, out);
}

void redact_form(std::string_view text, const NameSet& fields, Text& out) {
    static constexpr Separators kForm{ByteSet("=&;\r\n"), ByteSet("&;\r\n"), ByteSet("&")};
    redact_pairs(text, kForm, fields, out);
}

void redact_url(std::string_view url, const NameSet& fields, Text& out) {
    const size_t query = std::min(url.find_first_of("?#"), url.size());
    out.append(url.substr(0, query));
    static constexpr Separators kUrl{ByteSet("=&;?#"), ByteSet("&;?#"), ByteSet("&#")};
    redact_pairs(url.substr(query), kUrl, fields, out);
}

}  // namespace sniffer
