// A head whose bytes come in pieces: where it ends, and what of it is kept.
#include "http_head.h"

#include "http_space.h"

namespace sniffer {
namespace {

constexpr size_t kLongestLateLine = 512, kMostLateBytes = 4096;

// The lines that count although the limit leaves them out.
bool always_counts(std::string_view line) {
    const HeaderKind kind = header_kind(trim_line(line.substr(0, line.find(':'))));
    return kind == HeaderKind::content_length || kind == HeaderKind::transfer_encoding || kind == HeaderKind::delivery;
}

// The last field of whole lines, with those that continue it.
std::string_view last_field(std::string_view lines) {
    while (true) {
        const size_t before = lines.substr(0, lines.size() - 1).rfind('\n');
        if (before == std::string_view::npos) return lines;
        if (!is_space(lines[before + 1])) return lines.substr(before + 1);
        lines = lines.substr(0, before + 1);
    }
}

}  // namespace

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
    over_ = in_start_line_ = start_line_cut_ = counts_ = false;
}

void HeadBuffer::go_back(const Mark& mark) {
    if (mark.over) return;
    raw_.resize(mark.size);
    line_.clear();
    kept_ = 0;
    over_ = in_start_line_ = start_line_cut_ = counts_ = false;
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
            counts_ = always_counts(last_field(raw_));
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
    } else {
        keep_late_line();
    }
    line_.clear();
}

// RFC 9112 section 5.2: a line that begins with white space continues the field before it.
void HeadBuffer::keep_late_line() {
    if (line_.empty() || !is_space(line_[0])) counts_ = always_counts(line_);
    counts_ = counts_ && raw_.size() - kept_ + line_.size() < kMostLateBytes;
    if (counts_) raw_.append(line_) += '\n';
}

}  // namespace sniffer
