// Whether a multipart form reads alike to everyone: no folded line, no bare line end, nothing said twice, and nothing
// quoted or coded but in the way that all know. Else a search may look at other fields than the server does.
#include <algorithm>
#include <string>

#include "ascii.h"
#include "byte_set.h"
#include "json_check.h"
#include "redact_fields.h"
#include "utf8.h"

namespace sniffer {

namespace {

// RFC 9110 section 5.6.2, without what some take for a quote.
bool is_token(std::string_view text) {
    static constexpr ByteSet kToken("!#$%&*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return kToken.has(c); });
}

// The value of the one parameter `name`; empty where there is none, another way to say it (`name*`), or anything that
// is not plain.
std::string_view only_parameter(std::string_view header, std::string_view name) {
    std::string_view found;
    header = trim(header);
    static constexpr ByteSet kNever("\"'= ");
    const std::string_view first = trim(take_until(header, ';'));
    if (kNever.find_in(first) < first.size()) return {};
    while (!(header = trim(header)).empty()) {
        const std::string_view key = take_until(header, '=');
        if (!header.empty() && is_blank(header.front())) return {};
        std::string_view value;
        if (header.starts_with('"')) {
            header.remove_prefix(1);
            if (header.find('"') == std::string_view::npos) return {};
            value = take_until(header, '"');
            if (!trim(take_until(header, ';')).empty()) return {};
        } else {
            value = trim(take_until(header, ';'));
            std::string token(value);
            // Some take a single quote for a quote; those of charset'language'text are a pair.
            if (key.ends_with('*') && std::count(value.begin(), value.end(), '\'') == 2) std::erase(token, '\'');
            if (!is_token(token)) return {};
        }
        if (!is_token(key) || value.find('\\') != std::string_view::npos) return {};
        if (!equals_lower(key.substr(0, name.size()), name)) continue;
        if (key.size() != name.size() || !found.empty()) return {};
        found = value;
    }
    return trim(found) == found ? found : std::string_view();
}

// What is beyond ASCII in a name: UTF-8, without white space or a byte order mark, which some leave out around it.
bool is_plain_beyond_ascii(std::string_view name) {
    if (is_ascii(name)) return true;
    if (!valid_utf8(name)) return false;
    for (const char* blank :
         {"\xc2\x85", "\xc2\xa0", "\xe1\x9a\x80", "\xe2\x80", "\xe2\x81\x9f", "\xe3\x80\x80", "\xef\xbb\xbf"})
        if (name.find(blank) != std::string_view::npos) return false;
    return true;
}

// Percent and RFC 2047 codes in names are undone by some.
bool is_plain_name(std::string_view name) {
    return !name.empty() && name.find('%') == std::string_view::npos && name.find("=?") == std::string_view::npos &&
           is_plain_beyond_ascii(name);
}

// Whether a content that is not withheld can be searched.
bool is_plain_content(std::string_view type, std::string_view content) {
    if (type.starts_with("multipart/")) return false;
    if (type == kFormType) return is_json(content) || is_form(content);
    if (says_form(type)) return false;
    return !(type.find("json") != std::string_view::npos || looks_like_json(content)) || is_json(content);
}

// How often a line says `name=`, in whatever parameter and within quotes too: some look for that alone. (`filename=` is
// another word; `name*0*=` is not.)
size_t count_names(std::string_view line) {
    size_t count = 0;
    for (size_t at = line.find('='); at < line.size(); at = line.find('=', at + 1)) {
        std::string_view before = line.substr(0, at);
        while (!before.empty() && std::string_view(" \t*0123456789").find(before.back()) != std::string_view::npos)
            before.remove_suffix(1);
        if (before.size() < 4 || !equals_lower(before.substr(before.size() - 4), "name")) continue;
        before.remove_suffix(4);
        static constexpr ByteSet kWord("_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
        if (before.empty() || !kWord.has(before.back())) ++count;
    }
    return count;
}

// What a part's head says of its content.
struct PartHead {
    size_t names = 0;
    std::string_view name;
    std::string type;
};

// False where the line is not plain, or says again what was said.
bool read_line(std::string_view line, PartHead& head) {
    if (!line.ends_with('\r')) return false;
    line.remove_suffix(1);
    if (has_controls(line) || line.find('\r') != std::string_view::npos) return false;
    if (line.find(':') == std::string_view::npos) return false;
    const std::string_view key = take_until(line, ':');
    head.names += count_names(line);
    if (head.names > 1) return false;
    if (equals_lower(key, "content-disposition")) {
        if (!head.name.empty() || !equals_lower(trim(line.substr(0, line.find(';'))), "form-data")) return false;
        head.name = only_parameter(line, "name");
        return is_plain_name(head.name);
    }
    if (equals_lower(key, "content-type")) {
        if (!head.type.empty()) return false;
        head.type = media_type(line);
        return !head.type.empty() && is_ascii_charset(line);
    }
    if (equals_lower(key, "content-transfer-encoding") || equals_lower(key, "content-encoding")) {
        const std::string coding = to_lower(trim(line));
        return coding == "7bit" || coding == "8bit" || coding == "binary";
    }
    return is_token(key);
}

// What stands between two delimiters.
bool is_plain_part(std::string_view part) {
    if (!part.starts_with("\r\n") || !part.ends_with("\r\n")) return false;
    const size_t content = part.find("\r\n\r\n");
    if (content == std::string_view::npos || content + 4 > part.size() - 2) return false;
    PartHead head;
    for (std::string_view lines = part.substr(2, content); !lines.empty();)
        if (!read_line(take_until(lines, '\n'), head)) return false;
    return !head.name.empty() && is_plain_content(head.type, part.substr(content + 4, part.size() - 2 - (content + 4)));
}

}  // namespace

bool is_whole_form_data(std::string_view content_type, std::string_view text) {
    if (media_type(content_type) != "multipart/form-data") return false;
    const std::string lower = to_lower(content_type);
    const std::string_view boundary = only_parameter(content_type, "boundary");
    // RFC 2046 bounds it; and some readers look for the word alone.
    if (boundary.empty() || boundary.size() > 70 || lower.find("boundary") != lower.rfind("boundary")) return false;
    const std::string delimiter = "--" + std::string(boundary);
    if (!text.starts_with(delimiter)) return false;
    text.remove_prefix(delimiter.size());
    while (!text.starts_with("--")) {
        const size_t end = text.find(delimiter);
        if (end == std::string_view::npos || !is_plain_part(text.substr(0, end))) return false;
        text.remove_prefix(end + delimiter.size());
    }
    return trim(text.substr(2)).empty();
}

}  // namespace sniffer
