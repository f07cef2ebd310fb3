#include <algorithm>
#include <string>
#include <utility>

#include "ascii.h"
#include "byte_set.h"
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
        static constexpr ByteSet kEnds("=;");
        const size_t end = kEnds.find_in(header);
        if (end == header.size()) break;
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
            form |= says_form(media_type(line));
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
