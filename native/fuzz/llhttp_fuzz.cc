// libFuzzer: what llhttp, strict as it is by itself, accepts comes out of the engine the same: start line, headers,
// body, trailers, and where the message ends. The differences that stay are named in docs/security.md: see
// `versionless`, `has_bare_cr`, `has_tab_at_end`, `foreign`, `bodiless`, and where framing is ambiguous.
#include <llhttp.h>

#include <algorithm>
#include <string>

#include "http_run.h"
#include "record_line.h"

using namespace sniffer;
using namespace sniffer::fuzz;

namespace {

constexpr int kMostMessages = 16;

// A message as llhttp read it.
struct Expected {
    std::string method, target, protocol, reason, version, body;
    int status = 0;
    Values headers, trailers;
    size_t end = 0;  // offset behind it
    bool upgrade = false, until_close = false;
};

std::string lower(std::string text) {
    for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
    return text;
}

// White space around a value is no part of it (RFC 9110 section 5.5), nor, to us, around a reason.
std::string trimmed(const std::string& text) {
    const size_t first = text.find_first_not_of(" \t");
    return first == std::string::npos ? std::string() : text.substr(first, text.find_last_not_of(" \t") + 1 - first);
}

class Oracle {
 public:
    Oracle(bool request, bool to_head, std::string_view bytes) : to_head_(to_head) {
        llhttp_settings_init(&settings_);
        settings_.on_message_begin = [](llhttp_t* p) { return self(p).begin(); };
        settings_.on_method = append<&Expected::method>;
        settings_.on_url = append<&Expected::target>;
        settings_.on_protocol = append<&Expected::protocol>;
        settings_.on_status = append<&Expected::reason>;
        settings_.on_body = append<&Expected::body>;
        settings_.on_header_field = [](llhttp_t* p, const char* at, size_t n) { return self(p).name(at, n); };
        settings_.on_header_value = [](llhttp_t* p, const char* at, size_t n) { return self(p).value(at, n); };
        settings_.on_header_value_complete = [](llhttp_t* p) { return self(p).field(); };
        settings_.on_headers_complete = [](llhttp_t* p) { return self(p).headers_complete(); };
        settings_.on_message_complete = [](llhttp_t*) -> int { return HPE_PAUSED; };
        llhttp_init(&parser_, request ? HTTP_REQUEST : HTTP_RESPONSE, &settings_);
        parser_.data = this;
        run(bytes);
    }
    std::vector<Expected> messages;

 private:
    static Oracle& self(llhttp_t* parser) { return *static_cast<Oracle*>(parser->data); }
    template <std::string Expected::*kPart>
    static int append(llhttp_t* parser, const char* at, size_t size) {
        (self(parser).current_.*kPart).append(at, size);
        return 0;
    }
    int begin() {
        current_ = {};
        in_trailers_ = false;
        return 0;
    }
    int name(const char* at, size_t size) {
        name_.append(at, size);
        return 0;
    }
    int value(const char* at, size_t size) {
        value_.append(at, size);
        return 0;
    }
    int field() {
        value_ = trimmed(value_);
        (in_trailers_ ? current_.trailers : current_.headers)[lower(name_)].push_back(recorded(value_));
        name_.clear();
        value_.clear();
        return 0;
    }
    int headers_complete() {
        in_trailers_ = true;
        current_.status = parser_.status_code;
        current_.version = std::to_string(parser_.http_major) + "." + std::to_string(parser_.http_minor);
        return to_head_ ? 1 : 0;
    }
    void complete(size_t end, bool until_close) {
        current_.end = end;
        current_.upgrade = parser_.upgrade;
        current_.until_close = until_close;
        messages.push_back(current_);
    }
    void run(std::string_view bytes) {
        size_t at = 0;
        while (messages.size() < kMostMessages) {
            const llhttp_errno_t error = llhttp_execute(&parser_, bytes.data() + at, bytes.size() - at);
            if (error == HPE_OK) break;
            if (error != HPE_PAUSED) return;
            at = static_cast<size_t>(llhttp_get_error_pos(&parser_) - bytes.data());
            complete(at, false);
            if (messages.back().upgrade || at >= bytes.size()) return;
            llhttp_resume(&parser_);
        }
        if (llhttp_finish(&parser_) == HPE_PAUSED) complete(bytes.size(), true);
    }

    const bool to_head_;
    llhttp_settings_t settings_;
    llhttp_t parser_;
    Expected current_;
    std::string name_, value_;
    bool in_trailers_ = false;
};

Config make_config() {
    Config config;
    config.max_body = config.max_head = config.max_record = 1 << 20;
    return config;
}
const Config kConfig = make_config();

// The engine's records of the same bytes, of one direction. Its requests come first, so that each response has one.
std::vector<std::string> records_of(bool request, bool to_head, std::string_view bytes, bool close,
                                    size_t piece = SIZE_MAX) {
    HttpRun run(kConfig);
    if (request) {
        run.say(kClient, bytes, piece);
    } else {
        std::string asked;
        for (int i = 0; i < kMostMessages; ++i) asked += to_head ? "HEAD / HTTP/1.1\r\n\r\n" : "GET / HTTP/1.1\r\n\r\n";
        run.say(kClient, asked);
        run.say(kServer, bytes, piece);
    }
    if (close) run.close(request ? kClient : kServer);
    std::vector<std::string> lines = run.finish();
    if (!request) lines.erase(lines.begin(), lines.begin() + kMostMessages);
    return lines;
}

void same(const std::string& ours, const std::string& theirs, const char* what) {
    if (ours != theirs) std::fprintf(stderr, "%s: ours [%s], llhttp's [%s]\n", what, ours.c_str(), theirs.c_str());
    check(ours == theirs, what);
}

std::string listed(const Values& fields) {
    std::string out;
    for (const auto& [name, values] : fields)
        for (const std::string& value : values) out += name + ": " + value + "\n";
    return out;
}

// A request line without a version and header lines behind it: to llhttp it is 0.9, to us not known.
bool versionless(const Expected& theirs) { return theirs.version == "0.9" && !theirs.headers.empty(); }

void same_head(const RecordLine& ours, const Expected& theirs, bool request) {
    if (request) {
        same(ours.text("method"), theirs.method, "method");
        same(ours.text("path"), recorded(theirs.target), "target");
    } else {
        same(std::to_string(ours.number("statusCode")), std::to_string(theirs.status), "status");
        same(ours.text("reason"), recorded(trimmed(theirs.reason)), "reason");
    }
    if (ours.has("httpVersion") || !versionless(theirs)) same(ours.text("httpVersion"), theirs.version, "version");
    same(listed(ours.fields("headers")), listed(theirs.headers), "headers");
}

void same_body(const RecordLine& ours, const Expected& theirs) {
    same(listed(ours.fields("trailers")), listed(theirs.trailers), "trailers");
    same(ours.body(), theirs.body, "body");
    check(ours.number("bodySize") == theirs.body.size(), "the body's size is the same");
    check(ours.flag("complete"), "the message is complete");
}

// To llhttp a second CR ends a status line like LF does; to us a CR alone ends none (RFC 9112 section 2.2).
bool has_bare_cr(std::string_view bytes) {
    for (size_t at = bytes.find('\r'); at != std::string_view::npos; at = bytes.find('\r', at + 1))
        if (at + 1 < bytes.size() && bytes[at + 1] != '\n') return true;
    return false;
}

// To llhttp a tab behind a coding is a part of its name; to us it is white space (RFC 9110 section 5.5).
bool has_tab_at_end(std::string_view bytes) {
    return bytes.find("\t\r") != std::string_view::npos || bytes.find("\t\n") != std::string_view::npos;
}

// A message that is none to us: of RTSP or ICE; or a request without a version, of a method that is not well known, or
// with another protocol's name in its target.
bool foreign(bool request, const Expected& theirs) {
    constexpr std::string_view old[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};
    if (!theirs.protocol.empty() && theirs.protocol != "HTTP") return true;
    if (!request || theirs.version != "0.9") return false;
    for (const char* name : {"RTSP/", "SIP/", "ICAP/"})
        if (theirs.target.find(name) != std::string::npos) return true;
    return std::find(std::begin(old), std::end(old), theirs.method) == std::end(old);
}

// A response that has no body, whatever its head says (RFC 9112 section 6.3, rule 1); llhttp reads one.
bool bodiless(const Expected& theirs) {
    return (theirs.status / 100 == 1 || theirs.status == 204 || theirs.status == 304) &&
           (theirs.headers.contains("content-length") || theirs.headers.contains("transfer-encoding"));
}

// What is complete of the first `size` bytes.
size_t complete_in(bool request, bool to_head, std::string_view bytes) {
    const std::vector<std::string> lines = records_of(request, to_head, bytes, false);
    return static_cast<size_t>(std::count_if(
        lines.begin(), lines.end(), [](const std::string& line) { return RecordLine(line).flag("complete"); }));
}

}  // namespace

// Input: a byte that says whose bytes these are and in what pieces they come, then the bytes.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const bool request = data[0] & 1, to_head = !request && data[0] & 2;
    const size_t piece = data[0] & 4 ? 1u + (data[0] >> 3) : SIZE_MAX;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    const Oracle oracle(request, to_head, bytes);
    if (oracle.messages.empty()) return 0;
    const Expected& last = oracle.messages.back();
    const std::string_view read = bytes.substr(0, last.end);
    if (has_bare_cr(read) || has_tab_at_end(read)) return 0;
    const std::vector<std::string> lines = records_of(request, to_head, read, last.until_close, piece);
    for (size_t i = 0; i < oracle.messages.size(); ++i) {
        if (foreign(request, oracle.messages[i])) return 0;
        check(i < lines.size(), "each message comes out");
        const RecordLine ours(lines[i]);
        same_head(ours, oracle.messages[i], request);
        // Receivers differ in where it ends, and the record says so.
        if (ours.flag("ambiguousFraming") || (!request && bodiless(oracle.messages[i]))) return 0;
        same_body(ours, oracle.messages[i]);
    }
    check(lines.size() == oracle.messages.size(), "nothing else comes out");
    if (last.until_close || last.upgrade) return 0;
    check(complete_in(request, to_head, read) == oracle.messages.size(), "the last message ends there");
    check(complete_in(request, to_head, read.substr(0, last.end - 1)) < oracle.messages.size(),
          "the last message does not end before");
    return 0;
}
