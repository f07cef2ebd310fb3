#include <algorithm>
#include <string>

#include "ascii.h"
#include "byte_set.h"
#include "redact_fields.h"
#include "redact_search.h"
#include "utf8.h"

namespace sniffer {

namespace {

// The byte that is percent-encoded at `at`; -1 where none is.
int coded_byte(std::string_view text, size_t at) {
    const int high = text[at] == '%' && at + 2 < text.size() ? hex_value(text[at + 1]) : -1;
    const int low = high >= 0 ? hex_value(text[at + 2]) : -1;
    return low >= 0 ? high << 4 | low : -1;
}

std::string percent_decoded(std::string_view text) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        const int byte = coded_byte(text, i);
        if (byte >= 0) {
            out += static_cast<char>(byte);
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
        size_t first = at_;                               // the same name to a reader who knows no separator but `&`
        for (size_t at = at_; at < text_.size(); ++at) {  // over the separator
            const size_t name = at;
            at = ends_.names.find_in(text_, name);
            if (at + 1 >= text_.size()) break;
            if (text_[at] != '=') {
                if (text_[at] == '&') first = at + 1;
                continue;
            }
            const size_t value = at + 1;
            // Some leave out a `=` with no name before it: what follows may be a name.
            at = value - 1 == name ? name : ends_.values.find_in(text_, value);
            if (named(name, value - 1) || (first < name && named(first, value - 1))) return take(value, found);
            if (const size_t deep = deep_value(first, value, at); deep < at) return take(deep, found);
            first = at + 1;
        }
        at_ = text_.size();
        return false;
    }

 private:
    bool named(size_t begin, size_t end) const { return has_coded_name(text_.substr(begin, end - begin), fields_); }

    bool take(size_t value, Found& found) {
        found = {value, ends_.withheld.find_in(text_, value), false};
        at_ = found.end + 1;
        return true;
    }

    // To some a name goes on to the first `]=`. Where the value behind it begins, if it is to be withheld; else `end`.
    size_t deep_value(size_t name, size_t value, size_t end) const {
        for (size_t at = value; at < end && (at = text_.find('=', at)) < end; ++at) {
            const std::string_view before = text_.substr(value, at - value);
            if (before.ends_with(']') || before.ends_with("%5D") || before.ends_with("%5d"))
                return named(name, at) ? at + 1 : end;
        }
        return end;
    }

    std::string_view text_;
    const Separators& ends_;
    const NameSet& fields_;
    size_t at_ = 0;
};

constexpr Separators kForm{ByteSet("=&;\r\n"), ByteSet("&;\r\n"), ByteSet("&")};

// `test` for each part of a name between `ends`, until it says true.
template <typename Test>
bool any_part(std::string_view name, const ByteSet& ends, Test test) {
    for (size_t at = 0; at < name.size();) {
        const size_t end = ends.find_in(name, at);
        if (end > at && test(trim(name.substr(at, end - at)))) return true;
        at = end + 1;
    }
    return false;
}

// What parts a name: how forms spell depth, and where some readers end a name that goes on to others. Dots and dashes
// are often part of a name as well.
using namespace std::string_view_literals;
constexpr ByteSet kParting("[](){}<>'\"`;?#$,=!*/\\|@^&~\r\n\0"sv), kDots(".:"), kBlank(" \t\r\n");
constexpr ByteSet kSpecial{kParting, kDots, kBlank, ByteSet("-%+")};
static_assert([] {
    for (int c = 0; c < 128; ++c)
        if (is_blank(static_cast<char>(c)) && !kSpecial.has(static_cast<char>(c))) return false;
    return true;
}());

// Whether it is no more than one name: most are.
bool is_plain(std::string_view name) {
    static constexpr ByteSet kNumbering("_0123456789");
    return kSpecial.find_in(name) == name.size() && (name.empty() || !kNumbering.has(name.front()));
}

// The name itself, or with what libraries put before it: Django `auth-`, for each depth, and React `1_` or `_1_`.
bool has_prefixed(std::string_view name, const NameSet& fields) {
    if (fields.has(name)) return true;
    for (size_t at = name.find('-'); at < name.size(); at = name.find('-', at + 1))
        if (fields.has(name.substr(at + 1))) return true;
    const size_t begin = name.starts_with('_'), end = name.find_first_not_of("0123456789", begin);
    return end > begin && end < name.size() && name[end] == '_' && fields.has(name.substr(end + 1));
}

std::string latin1_as_utf8(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<uint8_t>(c);
        if (byte >= 0x80) out += static_cast<char>(0xc0 | byte >> 6);
        out += byte < 0x80 ? c : static_cast<char>(0x80 | (byte & 0x3f));
    }
    return out;
}

// Whether all readers end the name where it ends: nothing stands in it, nor is coded there, that a form would have
// coded or that some end it at; and it is UTF-8.
bool ends_alike(std::string_view name) {
    static constexpr ByteSet kNever(" \t\r\n\"'<>\\{};");
    if (trim(name).empty()) return true;
    while (name.starts_with(' ') || name.starts_with('\t')) name.remove_prefix(1);
    while (name.ends_with(' ') || name.ends_with('\t')) name.remove_suffix(1);
    if (kNever.find_in(name) < name.size()) return false;
    bool beyond_ascii = false;
    for (size_t at = name.find('%'); at < name.size(); at = name.find('%', at + 1)) {
        const int byte = coded_byte(name, at);
        if (byte < 0x20 || byte == 0x7f || byte == ';') return false;
        beyond_ascii |= byte >= 0x80;
    }
    return !beyond_ascii || valid_utf8(percent_decoded(name));
}

}  // namespace

bool has_controls(std::string_view text) {
    static constexpr ByteSet kControls(
        "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d"
        "\x1e\x1f\x7f"sv);
    return kControls.find_in(text) < text.size();
}

bool has_form_name(std::string_view name, const NameSet& fields) {
    if (is_plain(name)) return fields.has(name);
    name = trim(name);  // as some readers do
    if (has_prefixed(name, fields)) return true;
    const auto known = [&](std::string_view part) { return has_prefixed(part, fields); };
    return fields.has_underscored(name) || any_part(name, kParting, [&](std::string_view part) {
               return known(part) || fields.has_underscored(part) || any_part(part, kDots, known);
           });
}

bool has_coded_name(std::string_view name, const NameSet& fields) {
    if (is_plain(name)) return fields.has(name);
    const std::string decoded = percent_decoded(name);
    return fields.has(name) || has_form_name(decoded, fields) ||
           (!valid_utf8(decoded) && has_form_name(latin1_as_utf8(decoded), fields));
}

bool is_form(std::string_view text) {
    if (!valid_utf8(text) || has_controls(text)) return false;
    static constexpr ByteSet kEnds("=&");
    for (size_t at = 0; at < text.size(); ++at) {  // over the `&`
        if (text[at] == '&') continue;
        const size_t end = kEnds.find_in(text, at);
        if (!ends_alike(text.substr(at, end - at))) return false;
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
    if (const std::string_view path = url.substr(0, query); path.find(';') < path.size()) {
        static constexpr Separators kPath{ByteSet("=;/"), ByteSet(";/"), ByteSet(";/")};
        replace_found(path, FormSearch(path, kPath, fields), out);
    } else {
        out.append(path);
    }
    if (query == url.size()) return;
    out.push_back(url[query]);
    url.remove_prefix(query + 1);
    static constexpr Separators kUrl{ByteSet("=&;?#"), ByteSet("&;?#"), ByteSet("&")};
    replace_found(url, FormSearch(url, kUrl, fields), out);
}

}  // namespace sniffer
