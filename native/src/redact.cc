#include "redact.h"

#include <algorithm>

#include "ascii.h"
#include "json_check.h"
#include "redact_fields.h"

namespace sniffer {

namespace {

bool is_ascii(std::string_view text) {
    return std::none_of(text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) >= 0x80; });
}

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

bool Redactor::url_header(std::string_view name) const {
    return name == "referer" || name == "location" || name == "content-location";
}

void Redactor::url(std::string_view url, Text& out) const { redact_url(url, fields_, out); }

std::string media_type(std::string_view content_type) {
    return to_lower(trim(content_type.substr(0, content_type.find(';'))));
}

bool looks_like_json(std::string_view text) {
    const size_t first = text.find_first_not_of(" \t\r\n\xef\xbb\xbf");
    return first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
}

namespace {

// Of what has no type: name=value, and nothing that a form would have encoded.
bool looks_like_form(std::string_view body) {
    return body.find('=') != std::string_view::npos &&
           std::none_of(body.begin(), body.end(), [](unsigned char c) { return c <= ' ' || c >= 0x7f; });
}

}  // namespace

bool Redactor::parses(std::string_view content_type, std::string_view body) const {
    const std::string type = media_type(content_type);
    if (type.starts_with("multipart/")) return is_whole_form_data(content_type, body);
    if ((type == kFormType || (type.empty() && looks_like_form(body))) && is_form(body)) return true;
    return is_json(body);
}

void Redactor::body(std::string_view content_type, std::string_view body, Text& out) const {
    const std::string type = media_type(content_type);
    if (type.starts_with("multipart/")) return redact_multipart(content_type, body, fields_, out);
    if (type.empty() || type == kFormType) return redact_form_or_json(body, fields_, out);
    // Under any other type too: event streams, logs and pages carry JSON, and the search does not mind what is not.
    redact_json(body, fields_, out);
}

}  // namespace sniffer
