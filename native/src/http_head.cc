#include "http_head.h"

#include <algorithm>
#include <bit>
#include <cstring>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace sniffer {
namespace {

constexpr size_t kLongestMethod = 64, kLongestLateLine = 512, kMostLateBytes = 4096;

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

constexpr bool is_space(char c) { return c == ' ' || c == '\t'; }

[[gnu::noinline]] std::string_view trim_spaces(std::string_view text) {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && (is_space(text.back()) || text.back() == '\r')) text.remove_suffix(1);
    return text;
}

inline std::string_view trim(std::string_view text) {
    if (!text.empty() && text.front() > ' ' && text.back() > ' ') [[likely]]
        return text;
    return trim_spaces(text);
}

// The first line of `bytes`, without its end. A line ends with LF, a CR before it goes.
std::string_view first_line(std::string_view bytes) {
    std::string_view line = bytes.substr(0, bytes.find('\n'));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    return line;
}

// The bits of a block's line feeds and colons.
struct BlockBits {
    uint64_t line_feeds, colons;
};
constexpr size_t kBlock = 64;

#if defined(__SSE2__)
inline BlockBits scan_block(const char* at) {
    BlockBits bits{0, 0};
    for (size_t i = 0; i < kBlock; i += 16) {
        const __m128i part = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + i));
        const auto where = [&](char byte) {
            return uint64_t{static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(part, _mm_set1_epi8(byte))))} << i;
        };
        bits.line_feeds |= where('\n');
        bits.colons |= where(':');
    }
    return bits;
}
#else
inline BlockBits scan_block(const char* at) {
    BlockBits bits{0, 0};
    for (size_t i = 0; i < kBlock; ++i) {
        bits.line_feeds |= uint64_t{at[i] == '\n'} << i;
        bits.colons |= uint64_t{at[i] == ':'} << i;
    }
    return bits;
}
#endif

// Takes the bits of a head's blocks in order, and makes lines of them.
class LineIndexer {
 public:
    LineIndexer(std::string_view bytes, Refilled<HeadLine>& lines) : bytes_(bytes), lines_(lines) {}
    // True when the empty line was found.
    bool add(uint32_t base, BlockBits bits) {
        lines_.make_room(kBlock);
        for (; bits.line_feeds; bits.line_feeds &= bits.line_feeds - 1) {
            const uint64_t line = bits.line_feeds ^ (bits.line_feeds - 1);  // up to the line feed
            note_colon(base, bits.colons & line);
            const uint32_t at = base + static_cast<uint32_t>(std::countr_zero(bits.line_feeds));
            if (end_line(at, at + 1)) return true;
            bits.colons &= ~line;
        }
        note_colon(base, bits.colons);
        return false;
    }
    uint32_t begin() const { return begin_; }
    // There must be room for the line.
    bool end_line(uint32_t end, uint32_t next) {
        if (end > begin_ && bytes_[end - 1] == '\r') --end;
        if (end == begin_) {
            begin_ = next;
            return true;
        }
        lines_.add({begin_, end, next, std::min(colon_, end)});
        begin_ = next;
        colon_ = kNone;
        return false;
    }

 private:
    static constexpr uint32_t kNone = UINT32_MAX;
    void note_colon(uint32_t base, uint64_t colons) {
        if (colons && colon_ == kNone) colon_ = base + static_cast<uint32_t>(std::countr_zero(colons));
    }
    std::string_view bytes_;
    Refilled<HeadLine>& lines_;
    uint32_t begin_ = 0, colon_ = kNone;
};

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

bool read_request_line(std::string_view line, bool cut, ParsedHead& out) {
    size_t end = 0;
    while (end < line.size() && kToken.is[static_cast<unsigned char>(line[end])]) ++end;
    if (end == 0 || end > kLongestMethod || end >= line.size() || !is_space(line[end])) return false;
    Head& head = out.head;
    head.method = line.substr(0, end);
    std::string_view rest = line.substr(end);
    size_t version = rest.rfind(" HTTP/");
    if (version != std::string_view::npos && (version > 0 || rest.find_first_not_of(" \t", 1) > 6)) {
        head.target = trim(rest.substr(0, version));
        head.version = trim(rest.substr(version + 6));
        bool preface = head.method == "PRI" && head.version == "2.0";  // RFC 9113 section 3.4
        if (!head.target.empty()) return !preface;
    }
    head.target = trim(rest);
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
    while (digits < rest.size() && digits < 4 && rest[digits] >= '0' && rest[digits] <= '9') {
        head.status = head.status * 10 + (rest[digits] - '0');
        ++digits;
    }
    if (digits == 0 || digits > 3 || (digits < rest.size() && !is_space(rest[digits]))) return false;
    head.reason = trim(rest.substr(digits));
    return true;
}

bool read_start_line(std::string_view line, bool cut, bool request, ParsedHead& out) {
    out.head.request = request;
    return request ? read_request_line(line, cut, out) : read_status_line(line, out);
}

// RFC 9110 section 8.6: a list of equal numbers is one number.
void read_content_length(std::string_view value, FramingFields& framing) {
    while (true) {
        size_t comma = value.find(',');
        std::string_view part = trim(value.substr(0, comma));
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

void read_transfer_encoding(std::string_view value, FramingFields& framing) {
    framing.transfer_encoding = true;
    size_t comma = value.rfind(',');
    std::string_view last = trim(comma == std::string_view::npos ? value : value.substr(comma + 1));
    if (last.empty() && comma != std::string_view::npos) return read_transfer_encoding(value.substr(0, comma), framing);
    framing.chunked_last = equal_ignoring_case(last, "chunked");
}

// Whether `name`, which is as long as `lower`, is it in any case; by the word. Only a letter's case is left out.
template <size_t N>
bool is_name(std::string_view name, const char (&lower)[N]) {
    constexpr size_t size = N - 1;
    uint64_t differ = 0;
    for (const size_t at : {size_t{0}, size_t{8}, size - 8}) {
        if (at + 8 > size) continue;
        uint64_t word, wanted, cases = 0;
        std::memcpy(&word, name.data() + at, 8);
        std::memcpy(&wanted, lower + at, 8);
        for (size_t i = 0; i < 8; ++i)
            if (lower[at + i] >= 'a')
                cases |= uint64_t{0x20} << (std::endian::native == std::endian::little ? 8 * i : 56 - 8 * i);
        differ |= (word ^ wanted) & ~cases;
    }
    return differ == 0;
}

// A traceparent that comes twice tells nothing: which of them is meant?
void read_traceparent(std::string_view value, ParsedHead& out) {
    out.head.trace = out.traced ? TraceContext() : parse_traceparent(value);
    out.traced = true;
}

// Compares by length first: most names are none of these.
void note_field(const HeaderField& field, ParsedHead& out) {
    switch (field.name.size()) {
        case 11:
            if (out.head.request && is_name(field.name, "traceparent")) read_traceparent(field.value, out);
            break;
        case 12:
            if (is_name(field.name, "content-type")) out.content_type = field.value;
            break;
        case 14:
            if (is_name(field.name, "content-length")) read_content_length(field.value, out.framing);
            break;
        case 16:
            if (is_name(field.name, "content-encoding")) out.content_encoding = field.value;
            break;
        case 17:
            if (is_name(field.name, "transfer-encoding")) read_transfer_encoding(field.value, out.framing);
            break;
        case 20:
            if (is_name(field.name, "tcp-sniffer-delivery")) out.self_delivery = true;
            break;
        default:
            break;
    }
}

// The lines that count although the limit leaves them out.
bool always_counts(std::string_view line) {
    std::string_view name = trim(line.substr(0, line.find(':')));
    return equal_ignoring_case(name, "content-length") || equal_ignoring_case(name, "transfer-encoding") ||
           equal_ignoring_case(name, "tcp-sniffer-delivery");
}

HeaderField read_field(std::string_view bytes, const HeadLine& line) {
    const char* at = bytes.data();
    std::string_view name = trim({at + line.begin, line.colon - line.begin});
    if (line.colon == line.end) return {name, {}};
    uint32_t value = line.colon + 1;
    value += value < line.end && at[value] == ' ';  // nearly always one
    return {name, trim({at + value, line.end - value})};
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
    std::string_view more = trim(line);
    if (!more.empty()) {
        if (unfolded.size() > begin) unfolded += ' ';
        unfolded.append(more);
    }
    field.value = std::string_view(unfolded).substr(begin);
}

// The same for all such lines behind line `i`; returns the last one. Apart, for it is rare.
[[gnu::noinline, gnu::cold]] size_t unfold_lines(std::string_view bytes, size_t i, HeadScratch& scratch,
                                                 HeaderField& field) {
    const std::span<const HeadLine> lines = scratch.lines;
    for (; i + 1 < lines.size() && is_space(bytes[lines[i + 1].begin]); ++i) {
        const HeadLine& line = lines[i + 1];
        unfold(field, bytes.substr(line.begin, line.end - line.begin), scratch.unfolded, 2 * bytes.size() + 16);
    }
    return i;
}

// `visit(field, offset behind its last line)` for each field in the lines from `first` on.
template <typename Visit>
void each_field(std::string_view bytes, size_t first, HeadScratch& scratch, Visit visit) {
    const std::span<const HeadLine> lines = scratch.lines;
    scratch.unfolded.clear();
    scratch.fields.clear();
    scratch.fields.make_room(lines.size());
    for (size_t i = first; i < lines.size(); ++i) {
        HeaderField field = read_field(bytes, lines[i]);
        if (i + 1 < lines.size() && is_space(bytes[lines[i + 1].begin])) [[unlikely]]
            i = unfold_lines(bytes, i, scratch, field);
        visit(field, lines[i].next);
    }
}

}  // namespace

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

bool equal_ignoring_case(std::string_view a, std::string_view lower) {
    if (a.size() != lower.size() || a.empty() || (a[0] | 0x20) != lower[0]) return false;
    for (size_t i = 0; i < a.size(); ++i) {
        char c = a[i];
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
        if (c != lower[i]) return false;
    }
    return true;
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

size_t index_lines(std::string_view bytes, Refilled<HeadLine>& lines) {
    lines.clear();
    LineIndexer indexer(bytes, lines);
    size_t at = 0;
    for (; at + kBlock <= bytes.size(); at += kBlock)
        if (indexer.add(static_cast<uint32_t>(at), scan_block(bytes.data() + at))) return indexer.begin();
    char rest[kBlock] = {};
    if (at < bytes.size()) std::memcpy(rest, bytes.data() + at, bytes.size() - at);
    if (indexer.add(static_cast<uint32_t>(at), scan_block(rest))) return indexer.begin();
    uint32_t end = static_cast<uint32_t>(bytes.size());
    lines.make_room(1);
    if (indexer.begin() < end) indexer.end_line(end, end);  // a line without its end
    return HeadScanner::npos;
}

size_t HeadScanner::feed(const char* data, size_t size) {
    const char *at = data, *end = data + size;
    while (at < end) {
        const char* lf = static_cast<const char*>(std::memchr(at, '\n', static_cast<size_t>(end - at)));
        size_t added = static_cast<size_t>((lf ? lf : end) - at);
        if (line_length_ == 0 && added == 1) lone_cr_ = *at == '\r';
        line_length_ += added;
        if (!lf) return npos;
        bool empty = line_length_ == 0 || (line_length_ == 1 && lone_cr_);
        line_length_ = 0;
        lone_cr_ = false;
        any_line_ = true;
        at = lf + 1;
        if (empty) return static_cast<size_t>(at - data);
    }
    return npos;
}

void HeadBuffer::clear() {
    raw_.clear();
    line_.clear();
    kept_ = 0;
    over_ = in_start_line_ = start_line_cut_ = false;
}

void HeadBuffer::append(std::string_view bytes, size_t limit) {
    if (!over_) {
        size_t room = limit - std::min(limit, raw_.size());
        raw_.append(bytes.substr(0, room));
        if (bytes.size() <= room) return;
        bytes.remove_prefix(room);
        over_ = true;
        size_t last = raw_.rfind('\n');
        in_start_line_ = start_line_cut_ = last == std::string::npos;
        if (!in_start_line_) {  // the line that the limit cuts goes on in line_
            line_.assign(raw_, last + 1, kLongestLateLine);
            raw_.resize(last + 1);
        }
        kept_ = raw_.size();
    }
    append_over(bytes);
}

void HeadBuffer::append_over(std::string_view bytes) {
    while (!bytes.empty()) {
        size_t lf = bytes.find('\n');
        std::string_view part = bytes.substr(0, lf);
        if (line_.size() < kLongestLateLine) line_.append(part.substr(0, kLongestLateLine - line_.size()));
        if (lf == std::string_view::npos) return;
        bytes.remove_prefix(lf + 1);
        end_line();
    }
}

void HeadBuffer::end_line() {
    if (in_start_line_) {
        raw_ += '\n';
        kept_ = raw_.size();
        in_start_line_ = false;
    } else if (always_counts(line_) && raw_.size() - kept_ + line_.size() < kMostLateBytes) {
        raw_.append(line_) += '\n';
    }
    line_.clear();
}

ParsedHead parse_start_line(std::string_view raw, bool request) {
    ParsedHead parsed;
    parsed.valid = read_start_line(first_line(raw), false, request, parsed);
    return parsed;
}

ParsedHead parse_indexed_head(const RawHead& head, bool request, HeadScratch& scratch) {
    ParsedHead out;
    if (scratch.lines.empty()) return out;
    const HeadLine& start = scratch.lines.front();
    std::string_view line = head.bytes.substr(start.begin, start.end - start.begin);
    out.valid = read_start_line(line, head.start_line_cut, request, out);
    if (!out.valid) return out;
    each_field(head.bytes, 1, scratch, [&](const HeaderField& field, size_t end) {
        note_field(field, out);
        if (end <= head.kept) scratch.fields.add(field);
    });
    // HTTP/0.9 has no fields (RFC 1945 section 4.1): here the version is missing.
    if (out.simple && scratch.lines.size() > 1) out.head.version = {};
    out.head.headers = scratch.fields;
    return out;
}

ParsedHead parse_head(const RawHead& head, bool request, HeadScratch& scratch) {
    index_lines(head.bytes, scratch.lines);
    return parse_indexed_head(head, request, scratch);
}

const Refilled<HeaderField>& parse_fields(std::string_view raw, HeadScratch& scratch) {
    index_lines(raw, scratch.lines);
    each_field(raw, 0, scratch, [&](const HeaderField& field, size_t) { scratch.fields.add(field); });
    return scratch.fields;
}

}  // namespace sniffer
