// A head in its record: encode_head, encode_request_reference, encode_trailers.
#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "hash.h"
#include "json_text.h"
#include "known_headers.h"
#include "plain_copy.h"
#include "record_scratch.h"
#include "utf8.h"

namespace sniffer {

namespace {

// Copying and checking in one go pays for what is short; what is longer goes by blocks.
constexpr size_t kShort = 4096;

// Writes JSON strings into a limited room, and remembers whether one was not UTF-8.
class StringWriter {
 public:
    StringWriter(size_t limit, Text& out) : limit_(limit), out_(out) {}

    bool latin1() const { return latin1_; }
    void note_latin1() { latin1_ = true; }
    bool fits(size_t bytes) const { return out_.size() + bytes <= limit_; }

    // Appends `text` in quotes, or as much of it as there is room for: then false. Nothing at all
    // where there is no room for the quotes.
    bool string(std::string_view text) {
        if (text.size() <= kShort && fits(text.size() + 2)) {
            char* to = out_.room(text.size() + 2);
            if (copy_plain(text, to + 1)) {
                to[0] = to[1 + text.size()] = '"';
                out_.end(to + text.size() + 2);
                return true;
            }
        }
        return fits(2) && difficult(text);
    }

    // The same for a text that is known to need no escape.
    bool plain(std::string_view text) {
        if (!fits(text.size() + 2)) return false;
        char* to = out_.room(text.size() + 2);
        *to++ = '"';
        to = put(to, text);
        *to++ = '"';
        out_.end(to);
        return true;
    }

 private:
    bool difficult(std::string_view text) {
        out_.push_back('"');
        const size_t written = escape(text);
        if (written < text.size()) out_.cut(out_.size() - incomplete_tail(out_));
        out_.push_back('"');
        return written == text.size();
    }

    // Returns the bytes of `text` that had room.
    size_t escape(std::string_view text) {
        const size_t start = out_.size();
        const bool fits_whole = fits(kMaxEscape * text.size() + 1);
        if (fits_whole && escape_json(text, out_)) return text.size();
        if (valid_utf8(text)) return fits_whole ? text.size() : escape_json_within(text, limit_ - 1, out_);
        latin1_ = true;
        out_.cut(start);
        return escape_latin1_within(text, limit_ - 1, out_);
    }

    size_t limit_;
    Text& out_;
    bool latin1_ = false;
};

const ProductKey& name_key() {
    static const ProductKey key = ProductKey::random();
    return key;
}

// Of a long name, for the place of a table. Its words are folded in one after the other, each with what came before.
uint64_t name_hash(std::string_view name) {
    uint64_t words[4] = {name.size()};
    while (!name.empty()) {
        words[1] = words[2] = words[3] = 0;
        const size_t size = std::min(name.size(), 3 * sizeof *words);
        std::memcpy(words + 1, name.data(), size);
        words[0] = product_hash(name_key(), words, 4);
        name.remove_prefix(size);
    }
    return words[0];
}

// Equal for equal names. All of a name counts up to kSigned bytes: no more than nine such names can be made to collide.
constexpr size_t kSigned = 16;
uint64_t signature(const ProductKey& key, const char* name, size_t size) {
    uint64_t words[2] = {0, uint64_t{size} << 56};
    if (size >= 8) {
        uint64_t last;
        std::memcpy(&words[0], name, 8);
        std::memcpy(&last, name + size - 8, 8);
        words[1] ^= last;
    } else if (size >= 4) {
        uint32_t first, last;
        std::memcpy(&first, name, 4);
        std::memcpy(&last, name + size - 4, 4);
        words[0] = first;
        words[1] |= last;
    } else {
        for (size_t i = 0; i < size; ++i) words[0] = words[0] << 8 | static_cast<uint8_t>(name[i]);
    }
    return product_hash(key, words, 2);
}

// Makes UTF-8 of bytes that are U+0000 to U+00FF each, in their place, where there is room for twice as many. Returns
// how many they became.
size_t widen_latin1(char* text, size_t size) {
    const auto wide = [](char c) { return (c & 0x80) != 0; };
    const size_t after = size + static_cast<size_t>(std::count_if(text, text + size, wide));
    for (char *from = text + size, *to = text + after; from < to;) {
        const char c = *--from;
        *--to = wide(c) ? static_cast<char>(0x80 | (c & 0x3f)) : c;
        if (wide(c)) *--to = static_cast<char>(0xc0 | static_cast<uint8_t>(c) >> 6);
    }
    return after;
}

}  // namespace

// The headers' names in lower case, and which of them are the same.
class HeaderNames {
 public:
    HeaderNames(Text& names, std::vector<HeaderName>& headers, std::vector<uint32_t>& places)
        : key_(name_key()), names_(names), headers_(headers), places_(places) {}

    void collect(std::span<const HeaderField> fields) {
        names_.clear();
        headers_.clear();
        for (const HeaderField& field : fields) add(field.name);
        if (headers_.size() <= kFew)
            link_few();
        else
            link_many();
    }

 private:
    static constexpr size_t kFew = 32;
    // What a header needs besides its name and value, a redacted value included: `"":"",`.
    static constexpr size_t kHeaderRoom = 6 + kRedacted.size();

    // As the record has it: names may be the same only there.
    void add(std::string_view name) {
        char* to = names_.room(2 * name.size());
        HeaderName header;
        header.plain = copy_plain<Case::lower>(name, to);
        header.latin1 = !header.plain && !valid_utf8(name);
        const size_t size = header.latin1 ? widen_latin1(to, name.size()) : name.size();
        header.signature = signature(key_, to, size);
        header.offset = static_cast<uint32_t>(names_.size());
        header.size = static_cast<uint32_t>(size);
        headers_.push_back(header);
        names_.end(to + size);
    }

    bool same(const HeaderName& a, const HeaderName& b) const {
        return a.signature == b.signature && a.in(names_) == b.in(names_);
    }

    // `later` has the name of `first`.
    void link(uint32_t first, uint32_t later) {
        HeaderName& head = headers_[first];
        headers_[head.last == HeaderName::kNone ? first : head.last].next = later;
        head.last = later;
        headers_[later].repeated = true;
    }

    // A bit for each name so far: most are seen to be new without a comparison.
    void link_few() {
        uint64_t seen = 0;
        for (uint32_t i = 0; i < headers_.size(); ++i) {
            const uint64_t bit = uint64_t{1} << (headers_[i].signature >> 58);
            if (seen & bit) link_to_first(i);
            seen |= bit;
        }
    }
    void link_to_first(uint32_t later) {
        for (uint32_t i = 0; i < later; ++i)
            if (same(headers_[i], headers_[later])) return link(i, later);
    }

    // A table of places that is at most half full, under a key of its own, so that a head made of thousands of names
    // stays cheap whatever the names are.
    void link_many() {
        places_.assign(std::bit_ceil(2 * headers_.size()), HeaderName::kNone);
        for (uint32_t i = 0; i < headers_.size(); ++i) {
            uint32_t& first = place_of(headers_[i]);
            if (first == HeaderName::kNone)
                first = i;
            else
                link(first, i);
        }
    }
    uint32_t& place_of(const HeaderName& header) {
        const size_t mask = places_.size() - 1;
        size_t at = (header.size <= kSigned ? header.signature : name_hash(header.in(names_))) & mask;
        while (places_[at] != HeaderName::kNone && !same(headers_[places_[at]], header)) at = (at + 1) & mask;
        return places_[at];
    }

    const ProductKey& key_;
    Text& names_;
    std::vector<HeaderName>& headers_;
    std::vector<uint32_t>& places_;
};

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

    void headers(std::span<const HeaderField> fields, const std::vector<HeaderName>& names, const Text& text) {
        out_.push_back('{');
        const size_t start = out_.size();
        for (size_t i = 0; i < fields.size() && whole_; ++i) {
            if (names[i].latin1) writer_.note_latin1();
            if (names[i].repeated) continue;
            const size_t before = out_.size();
            if (before > start) out_.push_back(',');
            if (!header(i, fields, names, text)) out_.cut(before);
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
    bool header(size_t first, std::span<const HeaderField> fields, const std::vector<HeaderName>& names,
                const Text& text) {
        const HeaderName& name = names[first];
        const std::string_view lower = name.in(text);
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
        return redactor_.has_fields() && redactor_.url_header(name) ? redacted_url(value) : value;
    }

    std::string_view redacted_url(std::string_view url) {
        if (!redactor_.has_fields() || url.find_first_of("?#") == std::string_view::npos) return url;
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
static void write_headers(std::span<const HeaderField> fields, KnownHeaders* known, Scratch& scratch,
                          HeadWriter& writer) {
    if (fields.empty()) return writer.no_headers();
    if (writer.plain_headers(fields, known)) return;
    HeaderNames(scratch.names, scratch.headers, scratch.places).collect(fields);
    writer.headers(fields, scratch.headers, scratch.names);
}

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
