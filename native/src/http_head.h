// An HTTP/1 head: finding its end, and reading it as it was sent (RFC 9112 sections 2 to 5).
//
// A listener reports what went by: unknown methods, 8-bit bytes, bare LF, folded lines and lines
// without a colon are read, not refused.
#pragma once

#include <string>
#include <string_view>

#include "known_headers.h"
#include "record.h"
#include "refilled.h"

namespace sniffer {

enum class Looks : uint8_t { yes, no, undecided };

// Whether these first bytes begin a request: a method and a space.
Looks looks_like_request(std::string_view bytes);
// Whether these first bytes begin a response: `HTTP/`.
Looks looks_like_response(std::string_view bytes);

// Finds the empty line that ends a head or a trailer section, across pieces.
class HeadScanner {
 public:
    static constexpr size_t npos = static_cast<size_t>(-1);
    // The offset behind the empty line, or npos.
    size_t feed(const char* data, size_t size);
    void reset() { *this = HeadScanner(); }
    bool any_line() const { return any_line_; }

 private:
    size_t line_length_ = 0;  // of the line so far
    bool lone_cr_ = false;    // the line so far is one CR
    bool any_line_ = false;
};

struct RawHead {
    std::string_view bytes;
    size_t kept;                  // header lines that end behind this count for the framing alone
    bool start_line_cut = false;  // the start line's end was over the limit
};

// A head whose bytes came in several pieces. Keeps at most `limit` bytes, and behind them the
// lines that decide the framing, so that a head over the limit is still obeyed.
class HeadBuffer {
 public:
    void append(std::string_view bytes, size_t limit);
    void clear();
    // For going back to what was there before bytes were appended, unless the limit had left some out by then.
    struct Mark {
        size_t size;
        bool over;
    };
    Mark mark() const { return {raw_.size(), over_}; }
    void go_back(const Mark& mark);
    size_t size() const { return raw_.size(); }
    bool untouched() const { return raw_.empty() && !over_; }
    bool over_limit() const { return over_; }
    RawHead raw() const { return {raw_, over_ ? kept_ : raw_.size(), start_line_cut_}; }
    size_t memory() const { return raw_.capacity() + line_.capacity(); }

 private:
    void append_over(std::string_view bytes);
    void end_line();
    void keep_late_line();
    std::string raw_, line_;
    size_t kept_ = 0;
    bool over_ = false, in_start_line_ = false, start_line_cut_ = false;
    bool counts_ = false;  // the field before line_ is kept though it is late: so is what continues it
};

// What RFC 9112 section 6 needs to know.
struct FramingFields {
    bool transfer_encoding = false, chunked_last = false;
    bool any_coding = false, still_coded = false;  // still: more than chunked alone, which alone is undone (section 7)
    bool behind_chunked = false;                   // a coding stands there, as none may (section 6.1)
    bool empty_coding = false;  // at the list's end: to be ignored (RFC 9110 section 5.6.1.2), which not all do
    bool content_length = false, length_invalid = false;  // invalid: not a number, or differing ones
    bool loose = false;                                   // one of these fields has white space around its name
    uint64_t length = 0;
};

struct ParsedHead {
    Head head;
    FramingFields framing;
    std::string_view content_type, content_encoding;
    bool valid = false;          // the start line is one
    bool simple = false;         // a request without a version (HTTP/0.9)
    bool self_delivery = false;  // has Tcp-Sniffer-Delivery
    bool traced = false;         // has traceparent
    bool unsure = false;         // has Content-Range, so the body may be a part of something, or two types
};

// Reused from head to head.
struct HeadScratch {
    Refilled<HeaderField> fields;
    std::string unfolded;
    std::string codings;  // of several Content-Encoding lines
    KnownHeaders known;
};

// Reads a start line into `out`; false where it is none. `cut`: its end was over the limit.
bool read_start_line(std::string_view line, bool cut, bool request, ParsedHead& out);
// Reads the first line of `raw`, which is whole, alone: `valid` tells whether it is a start line.
ParsedHead parse_start_line(std::string_view raw, bool request);

// Reads a head. Returns the offset behind its empty line, or HeadScanner::npos where it ends without: then `out` is
// what there was. The views point into `head.bytes` and `scratch`.
size_t parse_head(const RawHead& head, bool request, HeadScratch& scratch, ParsedHead& out);
// The same for a trailer section, which has no start line.
const Refilled<HeaderField>& parse_fields(std::string_view raw, HeadScratch& scratch);

// Whether a valid start line is one even where it was found by its look alone: in upper case,
// without spaces in the target, of HTTP/1.
bool beyond_doubt(const ParsedHead& parsed);
// Whether all before the first space, or all there is, could be such a method.
bool starts_in_capitals(std::string_view bytes);

}  // namespace sniffer
