#include "redact.h"

#include <algorithm>

#include "ascii.h"
#include "byte_set.h"
#include "json_check.h"
#include "redact_fields.h"

namespace sniffer {

namespace {

// In lower case, with the letters beyond ASCII that have an ASCII counterpart.
std::string fold(std::string_view text) {
    std::string folded;
    while (!text.empty()) {
        const bool s = text.starts_with("\xc5\xbf"), k = text.starts_with("\xe2\x84\xaa");
        folded += s ? 's' : k ? 'k' : ascii_lower(text.front());
        text.remove_prefix(s ? 2 : k ? 3 : 1);
    }
    return folded;
}

}  // namespace

NameSet::NameSet(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
        if (name.empty()) continue;
        names_.push_back(fold(name));
        shortest_ = std::min(shortest_, names_.back().size());
        marks_ |= uint64_t{1} << mark(names_.back());
    }
}

bool NameSet::find(std::string_view name) const {
    return std::find(names_.begin(), names_.end(), name) != names_.end();
}

bool NameSet::find_any_case(std::string_view name) const {
    return std::any_of(names_.begin(), names_.end(), [&](const auto& known) { return equals_lower(name, known); });
}

bool NameSet::find_folded(std::string_view name) const {
    if (is_ascii(name)) return false;
    const std::string folded = fold(name);
    return folded.size() < name.size() && find(folded);
}

bool NameSet::has_underscored(std::string_view name) const {
    const auto reads = [](char c, char known) {
        return known == (c == '.' || c == ' ' || c == '[' ? '_' : ascii_lower(c));
    };
    return std::any_of(names_.begin(), names_.end(), [&](const auto& known) {
        return std::equal(name.begin(), name.end(), known.begin(), known.end(), reads);
    });
}

// Proxies and libraries have many headers of their own for URLs.
bool Redactor::holds_url(std::string_view name, std::string_view value) const {
    static constexpr ByteSet kQuery("?#");
    return !fields_.empty() && (kQuery.find_in(value) < value.size() || name == "referer" || name == "location" ||
                                name == "content-location");
}

void Redactor::url(std::string_view url, Text& out) const { redact_url(url, fields_, out); }

std::string media_type(std::string_view content_type) {
    return to_lower(trim(content_type.substr(0, content_type.find(';'))));
}

bool looks_like_json(std::string_view text) {
    using namespace std::string_view_literals;
    const size_t first = text.find_first_not_of(" \t\r\n\xef\xbb\xbf\0\xfe\xff"sv);  // UTF-16 is JSON to some
    return first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
}

namespace {

// Of what has no type: name=value, and nothing that a form would have encoded.
bool looks_like_form(std::string_view body) {
    return body.find('=') != std::string_view::npos &&
           std::none_of(body.begin(), body.end(), [](unsigned char c) { return c <= ' ' || c >= 0x7f; });
}

}  // namespace

bool says_form(std::string_view type) { return type.find("urlencoded") != std::string_view::npos; }

bool is_ascii_charset(std::string_view content_type) {
    const std::string lower = to_lower(content_type);
    const size_t at = lower.find("charset");
    if (at == std::string::npos) return true;
    if (lower.find("charset", at + 1) != std::string::npos) return false;
    std::string_view rest = std::string_view(lower).substr(at);
    if (!trim(take_until(rest, '=')).ends_with("charset")) return false;
    std::string_view name = trim(take_until(rest, ';'));
    if (name.size() > 1 && name.starts_with('"') && name.ends_with('"')) name = name.substr(1, name.size() - 2);
    for (const std::string_view known : {"utf-8", "utf8", "us-ascii", "ascii", "latin1"})
        if (name == known) return true;
    const std::string_view known = name.starts_with("iso-8859-") ? "iso-8859-" : "windows-125";
    return name.starts_with(known) && name.size() - known.size() - 1 < 2 &&
           name.find_first_not_of("0123456789", known.size()) == std::string_view::npos;
}

bool Redactor::parses(std::string_view content_type, std::string_view body) const {
    const std::string type = media_type(content_type), lower = to_lower(content_type);
    if (!is_ascii_charset(content_type)) return false;
    // Some look for these words alone, wherever they stand.
    if (says_form(lower) && type != kFormType) return false;
    if (lower.find("multipart") != std::string::npos && !type.starts_with("multipart/")) return false;
    if (type.starts_with("multipart/")) return is_whole_form_data(content_type, body);
    if ((type == kFormType || (type.empty() && looks_like_form(body))) && is_form(body)) return true;
    return is_json(body);
}

void Redactor::body(std::string_view content_type, std::string_view body, Text& out) const {
    const std::string type = media_type(content_type);
    if (type.starts_with("multipart/")) return redact_multipart(content_type, body, fields_, out);
    if (type.empty() || says_form(type)) return redact_form_or_json(body, fields_, out);
    // Under any other type too: event streams, logs and pages carry JSON, and the search does not mind what is not.
    redact_json(body, fields_, out);
}

}  // namespace sniffer
