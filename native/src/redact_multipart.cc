#include <algorithm>
#include <string>

#include "ascii.h"
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

// The value of a parameter, `; name="value"` or `; name=value`; empty where there is none.
std::string parameter(std::string_view header, std::string_view name) {
    take_until(header, ';');
    while (!header.empty()) {
        const size_t end = header.find_first_of("=;");
        if (end == std::string_view::npos) break;
        const std::string_view found = trim(header.substr(0, end));
        const bool valued = header[end] == '=';
        header.remove_prefix(end + 1);
        if (!valued) continue;
        std::string value = take_value(header);
        if (equals_lower(found, name)) return value;
    }
    return {};
}

// The delimiter as its line begins. A body that does not say its boundary begins with it.
std::string delimiter_of(std::string_view content_type, std::string_view text) {
    const std::string boundary = parameter(content_type, "boundary");
    if (!boundary.empty()) return "--" + boundary;
    if (!text.starts_with("--")) return {};
    return std::string(trim(take_until(text, '\n')));
}

// Where the next line that begins with the delimiter begins; the text's end where none does.
size_t find_delimiter(std::string_view text, std::string_view delimiter, size_t from) {
    for (size_t at = from; (at = text.find(delimiter, at)) != std::string_view::npos; ++at)
        if (at == 0 || text[at - 1] == '\n') return at;
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

// The field that the part's Content-Disposition names.
std::string field_name(std::string_view head) {
    while (!head.empty()) {
        std::string_view line = take_until(head, '\n');
        const std::string_view name = trim(take_until(line, ':'));
        if (equals_lower(name, "content-disposition")) return parameter(line, "name");
    }
    return {};
}

// One part with its delimiter line, up to the line end before the next delimiter.
void redact_part(std::string_view part, const NameSet& fields, Text& out) {
    const size_t content = content_of(part);
    if (content == std::string_view::npos) return out.append(part);
    const std::string_view head = part.substr(0, content), rest = part.substr(content);
    out.append(head);
    if (!has_form_name(field_name(head), fields)) return redact_json(rest, fields, out);
    out.append(kRedacted);
    if (rest.ends_with("\r\n"))
        out.append("\r\n");
    else if (rest.ends_with('\n'))
        out.append("\n");
}

}  // namespace

bool is_whole_form_data(std::string_view content_type, std::string_view text) {
    if (!equals_lower(trim(content_type.substr(0, content_type.find(';'))), "multipart/form-data")) return false;
    const std::string delimiter = delimiter_of(content_type, text);
    if (delimiter.empty() || !text.starts_with(delimiter)) return false;
    size_t at = 0;
    while (!text.substr(at + delimiter.size()).starts_with("--")) {
        const size_t next = find_delimiter(text, delimiter, at + delimiter.size());
        if (next == text.size()) return false;
        const std::string_view part = text.substr(at, next - at);
        const size_t content = content_of(part);
        if (content == std::string_view::npos || field_name(part.substr(0, content)).empty()) return false;
        at = next;
    }
    return trim(text.substr(at + delimiter.size() + 2)).empty();
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
