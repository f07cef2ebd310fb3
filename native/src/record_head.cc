// A head in its record: encode_head, encode_request_reference, encode_trailers.
#include <algorithm>

#include "known_headers.h"
#include "record_scratch.h"
#include "string_writer.h"

namespace sniffer {

namespace {

// Writes a head's fields one after the other, as far as the room goes.
class HeadWriter {
 public:
    // `limit` is where `out` may end. What comes behind the headers, `more` bytes for the trace
    // included, is kept free.
    HeadWriter(size_t limit, size_t more, const Redactor& redactor, Text& url, Text& out)
        : redactor_(redactor), url_(url), out_(out), writer_(std::max(limit, kClosing + more) - kClosing - more, out) {}

    static size_t trace_room(const Head& head) { return head.trace.empty() ? 0 : kTraceRoom; }

    bool whole() const { return whole_; }
    bool as_sent() const { return whole_ && !writer_.latin1(); }
    bool fits(size_t bytes) const { return writer_.fits(bytes); }

    void method_and_target(const Head& head) {
        out_.append("\"method\":");
        string(head.method);
        out_.append(",\"path\":");
        string(redacted_url(head.target));
    }

    void status(const Head& head) {
        if (head.status >= 0) number("\"statusCode\":", static_cast<unsigned>(head.status));
        if (head.reason.empty()) return;
        out_.append("\"reason\":");
        string(head.reason);
        out_.push_back(',');
    }

    // The version, and the name of what follows it.
    void version(std::string_view version) {
        constexpr std::string_view usual = "\"httpVersion\":\"1.1\",\"headers\":";
        if (version == "1.1" && writer_.fits(usual.size())) return out_.append(usual);
        if (!version.empty()) other_version(version);
        out_.append("\"headers\":");
    }

    void other_version(std::string_view version) {
        const size_t before = out_.size();
        out_.append("\"httpVersion\":");
        string(version);
        if (out_.view().ends_with(":\"\"")) return out_.cut(before);  // the target took the room
        out_.push_back(',');
    }

    void no_headers() { out_.append("{}"); }

    // The usual case in one go: few headers, each name its own, nothing to be escaped in the names,
    // and room. False where that is not so: then nothing was written.
    bool plain_headers(std::span<const HeaderField> fields, KnownHeaders* known) {
        size_t size = 2;
        for (const HeaderField& field : fields) size += field.name.size() + field.value.size() + kHeaderRoom;
        if (fields.size() > kFew || !writer_.fits(size)) return false;
        const size_t start = out_.size();
        char* to = put(out_.room(size + KnownHeader::kSlack), "{");
        uint64_t seen = 0;
        for (size_t i = 0; i < fields.size(); ++i) {
            uint64_t mark = 0;
            if (fields[i].known) {
                mark = fields[i].known->mark;
                to = fields[i].known->put(to);
            } else {
                to = new_header(fields[i], mark, size, to, known);
                if (!to) return out_.cut(start), false;
            }
            if (seen & mark && repeats(fields, i)) return out_.cut(start), false;
            seen |= mark;
        }
        out_.end(put(to - 1, "}"));  // over the last comma
        return true;
    }

    void headers(std::span<const HeaderField> fields, const HeaderNames& names) {
        out_.push_back('{');
        const size_t start = out_.size();
        for (size_t i = 0; i < fields.size() && whole_; ++i) {
            if (names[i].latin1) writer_.note_latin1();
            if (names[i].repeated) continue;
            const size_t before = out_.size();
            if (before > start) out_.push_back(',');
            if (!header(i, fields, names)) out_.cut(before);
        }
        out_.push_back('}');
    }

    template <size_t N>
    void encoding(const char (&name)[N]) {
        if (!writer_.latin1()) return;
        out_.append(name, N - 1);
        out_.append("\"latin1\"");
    }

    // Hidden where the header that it comes from is.
    void trace(const TraceContext& trace) {
        if (trace.empty() || redactor_.header("traceparent")) return;
        char* to = put(put(out_.room(kTraceRoom), ",\"traceId\":\""), trace.trace_id);
        to = put(put(to, "\",\"parentSpanId\":\""), trace.parent_id);
        out_.end(put(to, "\""));
    }

 private:
    static constexpr size_t kFew = 32;
    // What a header needs besides its name and value, a redacted value included: `"":"",`.
    static constexpr size_t kHeaderRoom = 6 + kRedacted.size();
    // `,"httpVersion":"",`, `"headers":{}`, `,"headEncoding":"latin1"` and the like.
    static constexpr size_t kClosing = 96;
    // `,"traceId":"…","parentSpanId":"…"`
    static constexpr size_t kTraceRoom = 80;

    void string(std::string_view text) {
        if (writer_.string(text)) return;
        if (out_.view().back() == ':') out_.append("\"\"");
        whole_ = false;
    }

    template <size_t N>
    void number(const char (&name)[N], unsigned value) {
        char* to = out_.room(N + 24);
        to = put_number(value, put(to, name));
        *to++ = ',';
        out_.end(to);
    }

    // Has an earlier field this one's name?
    static bool repeats(std::span<const HeaderField> fields, size_t later) {
        const std::string_view name = fields[later].name;
        return std::any_of(fields.begin(), fields.begin() + static_cast<std::ptrdiff_t>(later),
                           [&](const HeaderField& field) { return equal_names(field.name, name); });
    }

    // Writes the name in lower case and in quotes. False where it would need an escape, or is empty.
    static bool plain_name(std::string_view name, char* to) {
        to[0] = to[1 + name.size()] = '"';
        return !name.empty() && copy_plain<Case::lower>(name, to + 1);
    }

    // As plain_header. What it writes is kept for the next time, where it takes no more room than it was given.
    char* new_header(const HeaderField& field, uint64_t& mark, size_t room, char* to, KnownHeaders* known) {
        const size_t before = static_cast<size_t>(to - out_.data());
        char* end = plain_header(field, mark, room, to);
        if (!end) return nullptr;
        const std::string_view json(out_.data() + before, static_cast<size_t>(end - out_.data()) - before);
        if (known && json.size() <= field.name.size() + field.value.size() + kHeaderRoom && !writer_.latin1())
            known->keep(field, mark, json);
        return end;
    }

    // Writes a header and the comma behind it, and returns where the next one goes: maybe elsewhere, for an escaped
    // value grows. `room` is what the headers need in all, this one included; `mark` becomes the bit of its name.
    // nullptr where the name is no plain one, or the room ends.
    char* plain_header(const HeaderField& field, uint64_t& mark, size_t room, char* to) {
        if (!plain_name(field.name, to)) return nullptr;
        const std::string_view lower(to + 1, field.name.size());
        mark = uint64_t{1} << NameSet::mark_lower(lower);
        const std::string_view value = shown(lower, field.value);
        to += lower.size() + 2;
        *to++ = ':';
        if (value.size() <= field.value.size() + kRedacted.size() && copy_plain(value, to + 1)) {
            *to = '"';
            return put(to + 1 + value.size(), "\",");
        }
        out_.end(to);
        if (!writer_.string(value)) return nullptr;
        out_.push_back(',');
        return writer_.fits(room) ? out_.room(room + KnownHeader::kSlack) : nullptr;
    }

    // One name with its value, or all its values. False when not even the first had room.
    bool header(size_t first, std::span<const HeaderField> fields, const HeaderNames& names) {
        const HeaderName& name = names[first];
        const std::string_view lower = names.text(name);
        if (!(name.plain ? writer_.plain(lower) : writer_.string(lower))) return whole_ = false;
        out_.push_back(':');
        if (name.next == HeaderName::kNone) return whole_ = writer_.string(shown(lower, fields[first].value));
        out_.push_back('[');
        const size_t values = out_.size();
        const bool hidden = redactor_.header(lower);
        for (size_t i = first; i != HeaderName::kNone && whole_; i = names[i].next) {
            const size_t before = out_.size();
            if (before > values) out_.push_back(',');
            whole_ = writer_.string(hidden ? kRedacted : unhidden(lower, fields[i].value)) && writer_.fits(1);
            if (!whole_) out_.cut(before);
        }
        const bool any = out_.size() > values;
        out_.push_back(']');
        return any;
    }

    std::string_view shown(std::string_view name, std::string_view value) {
        return redactor_.header(name) ? kRedacted : unhidden(name, value);
    }

    std::string_view unhidden(std::string_view name, std::string_view value) {
        return redactor_.holds_url(name, value) ? redacted_url(value) : value;
    }

    std::string_view redacted_url(std::string_view url) {
        if (!redactor_.has_fields() || url.find_first_of("?#;") == std::string_view::npos) return url;
        url_.clear();
        redactor_.url(url, url_);
        return url_;
    }

    const Redactor& redactor_;
    Text& url_;
    Text& out_;
    StringWriter writer_;
    bool whole_ = true;
};

// A template, because Scratch is the encoder's own.
template <typename Scratch>
void write_headers(std::span<const HeaderField> fields, KnownHeaders* known, Scratch& scratch, HeadWriter& writer) {
    if (fields.empty()) return writer.no_headers();
    if (writer.plain_headers(fields, known)) return;
    scratch.names.collect(fields);
    writer.headers(fields, scratch.names);
}

}  // namespace

EncodedHead RecordEncoder::encode_head(const Head& head, size_t limit, Text& out) {
    HeadWriter writer(out.size() + limit, HeadWriter::trace_room(head), scratch_->redactor, scratch_->url, out);
    size_t request_line = 0;
    if (head.request) {
        const size_t start = out.size();
        writer.method_and_target(head);
        if (writer.as_sent()) request_line = out.size() - start;
        out.push_back(',');
    } else {
        writer.status(head);
    }
    writer.version(head.version);
    write_headers(head.headers, head.known, *scratch_, writer);
    writer.encoding(",\"headEncoding\":");
    writer.trace(head.trace);
    return {writer.whole(), request_line};
}

void RecordEncoder::encode_request_reference(const Head& head, std::string_view request_line, size_t limit, Text& out) {
    HeadWriter writer(out.size() + limit, HeadWriter::trace_room(head), scratch_->redactor, scratch_->url, out);
    out.append("\"request\":{");
    if (!request_line.empty() && writer.fits(request_line.size()))
        out.append(request_line);
    else
        writer.method_and_target(head);
    writer.encoding(",\"headEncoding\":");
    out.push_back('}');
    writer.trace(head.trace);
}

bool RecordEncoder::encode_trailers(std::span<const HeaderField> trailers, size_t limit, Text& out) {
    HeadWriter writer(out.size() + limit, 0, scratch_->redactor, scratch_->url, out);
    out.append("\"trailers\":");
    write_headers(trailers, nullptr, *scratch_, writer);
    writer.encoding(",\"trailersEncoding\":");
    return writer.whole();
}

}  // namespace sniffer
