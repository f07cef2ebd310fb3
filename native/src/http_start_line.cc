// A head's first line (RFC 9112 sections 3 and 4), and what looks like one.
#include <algorithm>

#include "http_head.h"
#include "http_space.h"

namespace sniffer {
namespace {

constexpr size_t kLongestMethod = 64;

// RFC 9110 section 5.6.2.
constexpr bool is_token_char(unsigned char c) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
    return c != 0 && std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
}

struct TokenTable {
    bool is[256] = {};
    constexpr TokenTable() {
        for (int c = 0; c < 256; ++c) is[c] = is_token_char(static_cast<unsigned char>(c));
    }
};
constexpr TokenTable kToken;

// The first line of `bytes`, without its end. A line ends with LF, a CR before it goes.
std::string_view first_line(std::string_view bytes) {
    std::string_view line = bytes.substr(0, bytes.find('\n'));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    return line;
}

// The registered methods that a request without a version may have; else any line of text is one.
bool well_known_method(std::string_view method) {
    static constexpr std::string_view known[] = {"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                                 "CONNECT", "OPTIONS", "TRACE", "PATCH"};
    return std::find(std::begin(known), std::end(known), method) != std::end(known);
}

bool other_protocol(std::string_view target) {
    for (std::string_view name : {" RTSP/", " SIP/", " ICAP/"})
        if (target.find(name) != std::string_view::npos) return true;
    return false;
}

// Where the version begins, with the space before it; npos where there is none.
size_t find_version(std::string_view text) {
    constexpr std::string_view usual = " HTTP/1.";  // and a digit
    if (text.size() > usual.size() && text.substr(text.size() - usual.size() - 1, usual.size()) == usual) [[likely]]
        return text.size() - usual.size() - 1;
    return text.rfind(" HTTP/");
}

bool read_request_line(std::string_view line, bool cut, ParsedHead& out) {
    size_t end = 0;
    while (end < line.size() && kToken.is[static_cast<unsigned char>(line[end])]) ++end;
    if (end == 0 || end > kLongestMethod || end >= line.size() || !is_space(line[end])) return false;
    Head& head = out.head;
    head.method = line.substr(0, end);
    std::string_view rest = line.substr(end);
    size_t version = find_version(rest);
    if (version != std::string_view::npos && (version > 0 || rest.find_first_not_of(" \t", 1) > 6)) {
        head.target = trim_line(rest.substr(0, version));
        head.version = trim_line(rest.substr(version + 6));
        bool preface = head.method == "PRI" && head.version == "2.0";  // RFC 9113 section 3.4
        if (!head.target.empty()) return !preface;
    }
    head.target = trim_line(rest);
    if (cut) {  // the version was behind the limit
        head.version = {};
        return true;
    }
    head.version = "0.9";
    out.simple = true;
    return well_known_method(head.method) && !other_protocol(rest);
}

bool read_status_line(std::string_view line, ParsedHead& out) {
    if (!line.starts_with("HTTP/")) return false;
    size_t space = line.find(' ');
    Head& head = out.head;
    head.version = line.substr(5, space == std::string_view::npos ? std::string_view::npos : space - 5);
    if (space == std::string_view::npos) return false;
    std::string_view rest = line.substr(space);
    while (!rest.empty() && is_space(rest.front())) rest.remove_prefix(1);
    size_t digits = 0;
    head.status = 0;
    while (digits < rest.size() && digits < 4 && rest[digits] >= '0' && rest[digits] <= '9') {
        head.status = head.status * 10 + (rest[digits] - '0');
        ++digits;
    }
    if (digits == 0 || digits > 3 || (digits < rest.size() && !is_space(rest[digits]))) return false;
    head.reason = trim_line(rest.substr(digits));
    return true;
}

}  // namespace

bool read_start_line(std::string_view line, bool cut, bool request, ParsedHead& out) {
    out.head.request = request;
    return request ? read_request_line(line, cut, out) : read_status_line(line, out);
}

ParsedHead parse_start_line(std::string_view raw, bool request) {
    ParsedHead parsed;
    parsed.valid = read_start_line(first_line(raw), false, request, parsed);
    return parsed;
}

bool beyond_doubt(const ParsedHead& parsed) {
    const Head& head = parsed.head;
    if (!head.version.starts_with("1.") || head.version.size() > 3) return false;
    if (!head.request) return head.status >= 100;
    return head.method.size() >= 3 && starts_in_capitals(head.method) &&
           head.target.find(' ') == std::string_view::npos;
}

bool starts_in_capitals(std::string_view bytes) {
    auto capital = [](char c) { return (c >= 'A' && c <= 'Z') || c == '-' || c == '_'; };
    std::string_view method = bytes.substr(0, bytes.find(' '));
    return std::all_of(method.begin(), method.end(), capital);
}

Looks looks_like_request(std::string_view bytes) {
    size_t most = std::min(bytes.size(), kLongestMethod + 1);
    for (size_t i = 0; i < most; ++i) {
        if (kToken.is[static_cast<unsigned char>(bytes[i])]) continue;
        return i > 0 && is_space(bytes[i]) ? Looks::yes : Looks::no;
    }
    return most > kLongestMethod ? Looks::no : Looks::undecided;
}

Looks looks_like_response(std::string_view bytes) {
    constexpr std::string_view start = "HTTP/";
    size_t n = std::min(bytes.size(), start.size());
    if (bytes.substr(0, n) != start.substr(0, n)) return Looks::no;
    return n == start.size() ? Looks::yes : Looks::undecided;
}

}  // namespace sniffer
