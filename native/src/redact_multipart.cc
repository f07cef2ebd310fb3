#include <algorithm>
#include <string>
#include <utility>

#include "ascii.h"
#include "byte_set.h"
#include "json_check.h"
#include "redact_fields.h"

namespace sniffer {

namespace {

// Takes a value off `rest`, up to the `;` behind it: a token, or a quoted string (RFC 9110 section 5.6.4), where a `;`
// has no meaning.
std::string take_value(std::string_view& rest) {
    rest = trim(rest);
    if (!rest.starts_with('"')) return std::string(trim(take_until(rest, ';')));
    std::string value;
    size_t at = 1;
    for (; at < rest.size() && rest[at] != '"'; ++at) {
        if (rest[at] == '\\' && at + 1 < rest.size()) ++at;
        value += rest[at];
    }
    rest.remove_prefix(std::min(at, rest.size()));
    take_until(rest, ';');
    return value;
}

// `visit(name, value)` for each parameter of a header's value, `; name="value"` or `; name=value`, until it says true.
template <typename Visit>
bool any_parameter(std::string_view header, Visit visit) {
    header = trim(header);
    take_until(header, ';');
    while (!header.empty()) {
        const size_t end = header.find_first_of("=;");
        if (end == std::string_view::npos) break;
        const std::string_view name = trim(header.substr(0, end));
        const bool valued = header[end] == '=';
        header.remove_prefix(end + 1);
        if (valued && visit(name, take_value(header))) return true;
    }
    return false;
}

// The delimiter as its line begins. A body that does not say its boundary begins with it.
std::string delimiter_of(std::string_view content_type, std::string_view text) {
    std::string boundary;
    any_parameter(content_type, [&](std::string_view name, std::string&& value) {
        if (equals_lower(name, "boundary")) boundary = std::move(value);
        return !boundary.empty();
    });
    if (!boundary.empty()) return "--" + boundary;
    if (!text.starts_with("--")) return {};
    return std::string(trim(take_until(text, '\n')));
}

// RFC 2046 section 5.1.1: behind a delimiter its line ends, but for white space; `--` makes it the last one.
bool ends_delimiter(std::string_view rest) {
    if (rest.starts_with("--")) rest.remove_prefix(2);
    const size_t end = rest.find_first_not_of(" \t");
    return end == std::string_view::npos || rest[end] == '\n' || rest[end] == '\r';
}

// Where the next delimiter line begins; the text's end where there is none. `from`: a line's beginning, or within it.
size_t find_delimiter(std::string_view text, std::string_view delimiter, size_t from) {
    for (size_t at = from; at < text.size(); ++at) {
        const bool line = at == 0 || text[at - 1] == '\n';
        if (line && text.substr(at).starts_with(delimiter) && ends_delimiter(text.substr(at + delimiter.size())))
            return at;
        at = std::min(text.find('\n', at), text.size());
    }
    return text.size();
}

// Where a part's content begins: behind its empty line. npos where that was not seen.
size_t content_of(std::string_view part) {
    size_t line = 0;
    while (line < part.size()) {
        const size_t end = part.find('\n', line);
        if (end == std::string_view::npos) break;
        if (line > 0 && trim(part.substr(line, end - line)).empty()) return end + 1;
        line = end + 1;
    }
    return std::string_view::npos;
}

// Takes a header line off `head`, with the lines that continue it.
std::string_view take_line(std::string_view& head) {
    size_t end = head.find('\n');
    while (end + 1 < head.size() && end != std::string_view::npos && (head[end + 1] == ' ' || head[end + 1] == '\t'))
        end = head.find('\n', end + 1);
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end == std::string_view::npos ? head.size() : end + 1);
    return line;
}

// Whether a Content-Disposition has one of the names, however often and in whichever way it says it: `name`, or `name*`
// (RFC 5987), which is coded like a form.
bool has_field_name(std::string_view disposition, const NameSet& fields) {
    return any_parameter(disposition, [&](std::string_view name, std::string_view value) {
        if (equals_lower(name, "name")) return has_form_name(value, fields);
        return equals_lower(name, "name*") && has_coded_name(value.substr(value.rfind('\'') + 1), fields);
    });
}

// What follows holds where every reader finds the same: no folded line, no bare line end, nothing said twice, and
// nothing quoted or coded but in the way that all know.

bool is_token(std::string_view text) {
    static constexpr ByteSet kOthers("()<>@,;:\\\"'/[]?={} \t\r\n");
    return !text.empty() && kOthers.find_in(text) == text.size();
}

// The value of the one parameter `name`; empty where there is none, another way to say it (`name*`), or anything that
// is not plain.
std::string_view only_parameter(std::string_view header, std::string_view name) {
    std::string_view found;
    header = trim(header);
    if (trim(take_until(header, ';')).find_first_of("\"'= ") != std::string_view::npos) return {};
    while (!(header = trim(header)).empty()) {
        const std::string_view key = take_until(header, '=');
        header = trim(header);
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

// Percent and RFC 2047 codes in names are undone by some.
bool is_plain_name(std::string_view name) {
    return !name.empty() && name.find('%') == std::string_view::npos && name.find("=?") == std::string_view::npos;
}

// Whether a content that is not withheld can be searched.
bool is_plain_content(std::string_view type, std::string_view content) {
    if (type.starts_with("multipart/")) return false;
    if (type == kFormType) return is_json(content) || is_form(content);
    return !(type.ends_with("json") || looks_like_json(content)) || is_json(content);
}

// A part between two delimiters.
bool is_plain_part(std::string_view part) {
    if (!part.starts_with("\r\n") || !part.ends_with("\r\n")) return false;
    const size_t content = part.find("\r\n\r\n");
    if (content == std::string_view::npos || content + 4 > part.size() - 2) return false;
    std::string_view head = part.substr(2, content), name;
    std::string type;
    while (!head.empty()) {
        std::string_view line = take_until(head, '\n');
        if (!line.ends_with('\r')) return false;
        line.remove_suffix(1);
        if (std::any_of(line.begin(), line.end(), [](char c) { return is_control(c) || c == '\r'; })) return false;
        const std::string_view key = take_until(line, ':');
        if (!is_token(key)) return false;
        if (equals_lower(key, "content-disposition")) {
            if (!name.empty()) return false;
            name = only_parameter(line, "name");
            if (!is_plain_name(name)) return false;
        } else if (equals_lower(key, "content-type")) {
            if (!type.empty()) return false;
            type = media_type(line);
            if (type.empty()) return false;
        } else if (equals_lower(key, "content-transfer-encoding") || equals_lower(key, "content-encoding")) {
            const std::string coding = to_lower(trim(line));
            if (coding != "7bit" && coding != "8bit" && coding != "binary") return false;
        }
    }
    return !name.empty() && is_plain_content(type, part.substr(content + 4, part.size() - 2 - (content + 4)));
}

// One part with its delimiter line, up to the line end before the next delimiter.
void redact_part(std::string_view part, const NameSet& fields, Text& out) {
    const size_t content = content_of(part);
    if (content == std::string_view::npos) return out.append(part);
    std::string_view head = part.substr(0, content), rest = part.substr(content);
    out.append(head);
    bool hidden = false, form = false;
    while (!head.empty()) {
        std::string_view line = take_line(head);
        const std::string_view name = trim(take_until(line, ':'));
        if (equals_lower(name, "content-disposition"))
            hidden |= has_field_name(line, fields);
        else if (equals_lower(name, "content-type"))
            form |= media_type(line) == kFormType;
    }
    const std::string_view line_end = rest.ends_with("\r\n") ? "\r\n" : rest.ends_with('\n') ? "\n" : "";
    rest.remove_suffix(line_end.size());
    if (hidden)
        out.append(kRedacted);
    else if (form)
        redact_form_or_json(rest, fields, out);
    else
        redact_json(rest, fields, out);
    out.append(line_end);
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

void redact_multipart(std::string_view content_type, std::string_view text, const NameSet& fields, Text& out) {
    const std::string delimiter = delimiter_of(content_type, text);
    if (delimiter.empty()) return redact_json(text, fields, out);
    size_t at = find_delimiter(text, delimiter, 0);
    redact_json(text.substr(0, at), fields, out);  // all of it, where the delimiter is nowhere
    while (at < text.size()) {
        const size_t next = find_delimiter(text, delimiter, at + delimiter.size());
        redact_part(text.substr(at, next - at), fields, out);
        at = next;
    }
}

}  // namespace sniffer
