// The lines of a head and of a trailer section: fields, and what they say about the framing (RFC 9112 sections 5 and
// 6).
#include <bit>
#include <cstring>

#include "ascii.h"
#include "http_head.h"
#include "http_space.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace sniffer {
namespace {

// Where a line's first colon and its line feed are; nullptr where there is none.
struct LineMarks {
    const char *colon = nullptr, *line_feed = nullptr;
};

#if defined(__SSE2__)
// The bits of the bytes that equal `byte`.
inline uint32_t where(__m128i bytes, char byte) {
    return static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte))));
}

// True when the line ends in these sixteen bytes, which lie at `at`.
inline bool scan_group(__m128i bytes, const char* at, LineMarks& marks) {
    const uint32_t ends = where(bytes, '\n');
    // Of the colons those before the line feed.
    const uint32_t colons = where(bytes, ':') & (ends - 1) & ~ends;
    if (!marks.colon && colons) marks.colon = at + std::countr_zero(colons);
    if (ends) marks.line_feed = at + std::countr_zero(ends);
    return ends != 0;
}

inline LineMarks scan_line(const char* at, const char* end) {
    LineMarks marks;
    for (; end - at >= 16; at += 16)
        if (scan_group(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)), at, marks)) return marks;
    char rest[16] = {};
    if (at < end) std::memcpy(rest, at, static_cast<size_t>(end - at));
    scan_group(_mm_loadu_si128(reinterpret_cast<const __m128i*>(rest)), at, marks);
    return marks;
}
#else
inline LineMarks scan_line(const char* at, const char* end) {
    LineMarks marks;
    for (; at < end && !marks.line_feed; ++at) {
        if (*at == ':' && !marks.colon) marks.colon = at;
        if (*at == '\n') marks.line_feed = at;
    }
    return marks;
}
#endif

// A line without its end: LF, or CR LF.
std::string_view line_at(const char* at, const LineMarks& marks, const char* end) {
    const char* line_end = marks.line_feed ? marks.line_feed : end;
    if (line_end > at && line_end[-1] == '\r') --line_end;
    return {at, static_cast<size_t>(line_end - at)};
}

// RFC 9110 section 8.6: a list of equal numbers is one number.
void read_content_length(std::string_view value, FramingFields& framing) {
    while (true) {
        size_t comma = value.find(',');
        std::string_view part = trim_line(value.substr(0, comma));
        uint64_t number = 0;
        bool good = !part.empty() && part.size() <= 18;
        for (char c : part) {
            good = good && c >= '0' && c <= '9';
            number = number * 10 + static_cast<uint64_t>(c - '0');
        }
        if (!good || (framing.content_length && number != framing.length)) framing.length_invalid = true;
        if (!framing.content_length) framing.length = number;
        framing.content_length = true;
        if (comma == std::string_view::npos) return;
        value.remove_prefix(comma + 1);
    }
}

// Apart, for it is rare.
[[gnu::noinline, gnu::cold]] void read_transfer_codings(std::string_view value, FramingFields& framing) {
    const size_t end = value.find_last_not_of(", \t") + 1;
    if (end == 0 || value.find(',', end) != std::string_view::npos) framing.empty_coding = true;
    value = value.substr(0, end);  // where that is empty, the list's last coding is that of the lines before
    while (!value.empty()) {
        const std::string_view coding = trim_line(take_until(value, ','));
        if (coding.empty()) continue;
        framing.behind_chunked |= framing.chunked_last;
        framing.chunked_last = equals_lower(coding, "chunked");
        framing.still_coded |= framing.any_coding || !(framing.chunked_last || equals_lower(coding, "identity"));
        framing.any_coding = true;
    }
}

void read_transfer_encoding(std::string_view value, FramingFields& framing) {
    framing.transfer_encoding = true;
    if (value != "chunked" || framing.any_coding) return read_transfer_codings(value, framing);
    framing.any_coding = framing.chunked_last = true;
}

// A framing field with white space before its name or between that and the colon: RFC 9112 sections 2.2 and 5.1 have it
// refused or removed, and some readers take such a field for another one.
bool frames_loosely(HeaderKind kind, const HeaderField& field) {
    if (kind != HeaderKind::content_length && kind != HeaderKind::transfer_encoding) return false;
    const char* const name = field.name.data();
    return is_space(name[-1]) || (field.value.data() && is_space(name[field.name.size()]));
}

// RFC 9110 section 5.3: several lines are one list.
void read_content_encoding(std::string_view value, std::string& joined, ParsedHead& out) {
    if (value.empty()) return;
    if (out.content_encoding.empty()) {
        out.content_encoding = value;
        return;
    }
    if (out.content_encoding.data() != joined.data()) joined.assign(out.content_encoding);
    out.content_encoding = joined.append(", ").append(value);
}

// A traceparent that comes twice tells nothing: which of them is meant?
void read_traceparent(std::string_view value, ParsedHead& out) {
    out.head.trace = out.traced ? TraceContext() : parse_traceparent(value);
    out.traced = true;
}

void note_field(HeaderKind kind, std::string_view value, HeadScratch& scratch, ParsedHead& out) {
    switch (kind) {
        case HeaderKind::other:
            break;
        case HeaderKind::content_type:
            if (out.content_type.data() && out.content_type != value) out.unsure = true;  // one may be empty
            out.content_type = value;
            break;
        case HeaderKind::content_length:
            read_content_length(value, out.framing);
            break;
        case HeaderKind::content_encoding:
            read_content_encoding(value, scratch.codings, out);
            break;
        case HeaderKind::content_range:
            out.unsure = true;
            break;
        case HeaderKind::transfer_encoding:
            read_transfer_encoding(value, out.framing);
            break;
        case HeaderKind::traceparent:
            if (out.head.request) read_traceparent(value, out);
            break;
        case HeaderKind::delivery:
            out.self_delivery = true;
            break;
    }
}

HeaderField read_field(std::string_view line, const char* colon) {
    const char* const end = line.data() + line.size();
    if (!colon || colon >= end) return {trim_line(line), {}};
    const char* value = colon + 1;
    value += value < end && *value == ' ';  // nearly always one
    return {trim_line({line.data(), static_cast<size_t>(colon - line.data())}),
            trim_line({value, static_cast<size_t>(end - value)})};
}

// RFC 9112 section 5.2: a line that begins with white space continues the value before it.
void unfold(HeaderField& field, std::string_view line, std::string& unfolded, size_t room) {
    if (unfolded.capacity() < room) unfolded.reserve(room);  // once per head: views stay valid
    size_t begin = unfolded.size();
    bool extends = !field.value.empty() && field.value.data() + field.value.size() == unfolded.data() + begin;
    if (extends)
        begin -= field.value.size();
    else
        unfolded.append(field.value);
    std::string_view more = trim_line(line);
    if (!more.empty()) {
        if (unfolded.size() > begin) unfolded += ' ';
        unfolded.append(more);
    }
    field.value = std::string_view(unfolded).substr(begin);
}

// The same for all such lines, the first of which begins at `at`; returns what follows them. Apart, for it is rare.
[[gnu::noinline, gnu::cold]] const char* unfold_lines(const char* at, std::string_view bytes, std::string& unfolded,
                                                      HeaderField& field) {
    const char* const end = bytes.data() + bytes.size();
    while (at < end && is_space(*at)) {
        const LineMarks marks = scan_line(at, end);
        unfold(field, line_at(at, marks, end), unfolded, 2 * bytes.size() + 16);
        at = marks.line_feed ? marks.line_feed + 1 : end;
    }
    return at;
}

// Reads a line that is not known, those that continue it included. Returns what follows; nullptr at the empty line.
inline const char* read_line(const char* at, std::string_view bytes, HeadScratch& scratch, HeaderField& field) {
    const char* const end = bytes.data() + bytes.size();
    const LineMarks marks = scan_line(at, end);
    const std::string_view line = line_at(at, marks, end);
    if (line.empty()) return nullptr;
    const char* next = marks.line_feed ? marks.line_feed + 1 : end;
    field = read_field(line, marks.colon);
    if (next < end && is_space(*next)) [[unlikely]]
        next = unfold_lines(next, bytes, scratch.unfolded, field);
    field.known = scratch.known.find(field);
    return next;
}

// `visit(field, its kind, what follows, whether it was read anew)` for each field from `at` on. Returns what follows
// the empty line; nullptr where that is not there.
template <typename Visit>
inline const char* each_field(const char* at, std::string_view bytes, HeadScratch& scratch, Visit visit) {
    const char* const end = bytes.data() + bytes.size();
    scratch.unfolded.clear();
    scratch.fields.clear();
    scratch.known.begin_head();
    HeaderField field;
    while (at < end) {
        scratch.fields.make_room(1);
        if (const KnownHeader* known = scratch.known.at(at, static_cast<size_t>(end - at))) {
            const char* const value = at + known->name_size + 2;
            const char* const next = at + known->line_size;
            visit({{at, known->name_size}, {value, static_cast<size_t>(next - 2 - value)}, known}, known->kind, next,
                  false);
            at = next;
            continue;
        }
        const char* const next = read_line(at, bytes, scratch, field);
        if (!next) {
            const auto* line_feed = static_cast<const char*>(std::memchr(at, '\n', static_cast<size_t>(end - at)));
            return line_feed ? line_feed + 1 : nullptr;
        }
        visit(field, header_kind(field.name), next, true);
        at = next;
    }
    return nullptr;
}

}  // namespace

size_t parse_head(const RawHead& head, bool request, HeadScratch& scratch, ParsedHead& out) {
    const std::string_view bytes = head.bytes;
    const char* const end = bytes.data() + bytes.size();
    const LineMarks marks = scan_line(bytes.data(), end);
    const std::string_view line = line_at(bytes.data(), marks, end);
    out.valid = !line.empty() && read_start_line(line, head.start_line_cut, request, out);
    if (line.empty() || !marks.line_feed) return HeadScanner::npos;
    bool any = false;
    const auto take = [&](const HeaderField& field, HeaderKind kind, const char* next, bool anew) {
        if (anew && frames_loosely(kind, field)) out.framing.loose = true;  // one that is known has the usual form
        if (kind != HeaderKind::other) note_field(kind, field.value, scratch, out);
        if (static_cast<size_t>(next - bytes.data()) <= head.kept) scratch.fields.add(field);
        any = true;
    };
    const char* const after = each_field(marks.line_feed + 1, bytes, scratch, take);
    // HTTP/0.9 has no fields (RFC 1945 section 4.1): here the version is missing.
    if (out.simple && any) out.head.version = {};
    out.head.headers = scratch.fields;
    out.head.known = &scratch.known;
    return after ? static_cast<size_t>(after - bytes.data()) : HeadScanner::npos;
}

const Refilled<HeaderField>& parse_fields(std::string_view raw, HeadScratch& scratch) {
    each_field(raw.data(), raw, scratch,
               [&](const HeaderField& field, HeaderKind, const char*, bool) { scratch.fields.add(field); });
    return scratch.fields;
}

}  // namespace sniffer
