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
    over_ = in_start_line_ = start_line_cut_ = false;
}

void HeadBuffer::go_back(const Mark& mark) {
    if (mark.over) return;
    raw_.resize(mark.size);
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

}  // namespace sniffer
