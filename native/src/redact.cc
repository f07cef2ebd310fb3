#include "redact.h"

#include <algorithm>

#include "ascii.h"
#include "json_check.h"
#include "redact_fields.h"

namespace sniffer {

NameSet::NameSet(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
        if (name.empty()) continue;
        names_.push_back(to_lower(name));
        marks_ |= uint64_t{1} << mark(name);
    }
}

bool NameSet::find(std::string_view name) const {
    return std::find(names_.begin(), names_.end(), name) != names_.end();
}

bool NameSet::has(std::string_view name) const {
    return !name.empty() && (marks_ >> mark(name) & 1) &&
           std::any_of(names_.begin(), names_.end(), [&](const auto& known) { return equals_lower(name, known); });
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
