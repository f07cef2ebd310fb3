// JSON strings of any bytes, as far as the room goes: names, values and targets of a head.
#pragma once

#include <cstddef>
#include <string_view>

#include "json_text.h"
#include "plain_copy.h"
#include "text.h"
#include "utf8.h"

namespace sniffer {

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
    // Copying and checking in one go pays for what is short; what is longer goes by blocks.
    static constexpr size_t kShort = 4096;

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

}  // namespace sniffer
