#include <algorithm>
#include <string>

#include "ascii.h"
#include "byte_set.h"
#include "redact_fields.h"

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

// `user[password]` and `password[]` are how forms spell depth.
bool named(std::string_view raw, const NameSet& fields) {
    if (fields.has(raw)) return true;
    if (raw.find_first_of("%+[") == std::string_view::npos) return false;
    const std::string name = percent_decoded(raw);
    if (fields.has(name)) return true;
    for (size_t at = 0; at < name.size();) {
        const size_t end = std::min(name.find_first_of("[]", at), name.size());
        if (end > at && fields.has(std::string_view(name).substr(at, end - at))) return true;
        at = end + 1;
    }
    return false;
}

// Parameters begin at `starts`. A value that is withheld ends only at `ends`: where the reader of
// the URL takes no `;` for a separator, what follows it is part of the value.
void redact_pairs(std::string_view text, const ByteSet& starts, const ByteSet& ends, const NameSet& fields, Text& out) {
    while (!text.empty()) {
        const size_t next = starts.find_in(text);
        const size_t equals = text.substr(0, next).find('=');
        size_t end = next;
        if (equals != std::string_view::npos && equals + 1 < text.size() && named(text.substr(0, equals), fields)) {
            end = ends.find_in(text);
            out.append(text.substr(0, equals + 1));
            out.append(kRedacted);
        } else {
            out.append(text.substr(0, end));
        }
        if (end < text.size()) out.push_back(text[end++]);
        text.remove_prefix(end);
    }
}

}  // namespace

void redact_form(std::string_view text, const NameSet& fields, Text& out) {
    static constexpr ByteSet kStarts("&;\r\n"), kEnds("&\r\n");
    redact_pairs(text, kStarts, kEnds, fields, out);
}

void redact_url(std::string_view url, const NameSet& fields, Text& out) {
    const size_t query = std::min(url.find_first_of("?#"), url.size());
    out.append(url.substr(0, query));
    static constexpr ByteSet kStarts("&;?#"), kEnds("&#");
    redact_pairs(url.substr(query), kStarts, kEnds, fields, out);
}

}  // namespace sniffer
