#include <algorithm>
#include <string>

#include "ascii.h"
#include "byte_set.h"
#include "redact_fields.h"
#include "redact_search.h"
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

class FormSearch {
 public:
    FormSearch(std::string_view text, const Separators& ends, const NameSet& fields)
        : text_(text), ends_(ends), fields_(fields) {}

    bool next(Found& found) {
        for (; at_ < text_.size(); ++at_) {  // over the separator
            const size_t name = at_;
            at_ = ends_.names.find_in(text_, name);
            if (at_ + 1 >= text_.size() || text_[at_] != '=') continue;
            const size_t value = at_ + 1;
            at_ = ends_.values.find_in(text_, value);
            if (!has_coded_name(text_.substr(name, value - 1 - name), fields_)) continue;
            found = {value, at_ = ends_.withheld.find_in(text_, value), false};
            ++at_;
            return true;
        }
        return false;
    }

 private:
    std::string_view text_;
    const Separators& ends_;
    const NameSet& fields_;
    size_t at_ = 0;
};

constexpr Separators kForm{ByteSet("=&;\r\n"), ByteSet("&;\r\n"), ByteSet("&")};

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
    const FormSearch form(text, kForm, fields);
    if (text.find('"') == std::string_view::npos) return replace_found(text, form, out);
    replace_found(text, EitherSearch(form, JsonSearch(text, fields)), out);
}

void redact_url(std::string_view url, const NameSet& fields, Text& out) {
    const size_t query = std::min(url.find_first_of("?#"), url.size());
    out.append(url.substr(0, query));
    static constexpr Separators kUrl{ByteSet("=&;?#"), ByteSet("&;?#"), ByteSet("&#")};
    url.remove_prefix(query);
    replace_found(url, FormSearch(url, kUrl, fields), out);
}

}  // namespace sniffer
