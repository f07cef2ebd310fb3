#include "json_check.h"

#include <bitset>
#include <cstddef>

#include "utf8.h"

namespace sniffer {

namespace {

constexpr size_t kDeepest = 512;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Reads one value after the other, without recursion: what nests is a stack of bits.
class Reader {
 public:
    explicit Reader(std::string_view text) : text_(text) {}

    bool run() {
        if (text_.starts_with("\xef\xbb\xbf")) at_ = 3;
        space();
        if (done()) return false;
        while (!done()) {
            const size_t end = value() ? at_ : 0;
            space();
            if (end == 0 || (end == at_ && !done())) return false;  // space parts two values
        }
        return true;
    }

 private:
    // With all that it holds.
    bool value() {
        depth_ = 0;
        do {
            if (!open()) return false;  // up to the end of a value that holds none
            while (depth_ > 0 && close()) {
            }
        } while (depth_ > 0 && next());
        return depth_ == 0;
    }

    // Goes into arrays and objects up to a value that holds nothing.
    bool open() {
        while (true) {
            space();
            if (done()) return false;
            const char c = text_[at_];
            if (c != '{' && c != '[') return scalar();
            if (depth_ == kDeepest) return false;
            ++at_;
            object_[depth_++] = c == '{';
            space();
            if (!done() && text_[at_] == (c == '{' ? '}' : ']')) {
                ++at_;
                --depth_;
                return true;
            }
            if (c == '{' && !key()) return false;
        }
    }

    // Behind a value: whether what holds it ends here too.
    bool close() {
        space();
        if (done() || text_[at_] != (object_[depth_ - 1] ? '}' : ']')) return false;
        ++at_;
        --depth_;
        return true;
    }

    // To the next value of what is open.
    bool next() { return take(',') && (!object_[depth_ - 1] || key()); }

    // In UTF-8: some take an overlong byte sequence for the letter, or leave out what is none.
    bool key() {
        space();
        const size_t start = at_;
        return string() && valid_utf8(text_.substr(start, at_ - start)) && take(':');
    }

    bool scalar() {
        const char c = text_[at_];
        if (c == '"') return string();
        if (c == '-' || is_digit(c)) return number();
        return word("true") || word("false") || word("null");
    }

    bool string() {
        if (done() || text_[at_] != '"') return false;
        for (++at_; !done(); ++at_) {
            const unsigned char c = static_cast<unsigned char>(text_[at_]);
            if (c == '"') {
                ++at_;
                return true;
            }
            if (c < 0x20 || (c == '\\' && !escape())) return false;
        }
        return false;
    }

    // At the backslash; stays at the escape's last character.
    bool escape() {
        ++at_;
        if (done()) return false;
        if (text_[at_] != 'u') return std::string_view("\"\\/bfnrt").find(text_[at_]) != std::string_view::npos;
        const std::string_view digits = text_.substr(at_ + 1, 4);
        at_ += digits.size();
        return digits.size() == 4 && digits.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
    }

    bool number() {
        if (text_[at_] == '-') ++at_;
        if (!done() && text_[at_] == '0')
            ++at_;
        else if (!digits())
            return false;
        if (!done() && text_[at_] == '.') {
            ++at_;
            if (!digits()) return false;
        }
        if (!done() && (text_[at_] == 'e' || text_[at_] == 'E')) {
            ++at_;
            if (!done() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
            return digits();
        }
        return true;
    }

    bool digits() {
        const size_t first = at_;
        while (!done() && is_digit(text_[at_])) ++at_;
        return at_ > first;
    }

    bool word(std::string_view word) {
        if (!text_.substr(at_).starts_with(word)) return false;
        at_ += word.size();
        return true;
    }

    bool take(char c) {
        space();
        if (done() || text_[at_] != c) return false;
        ++at_;
        return true;
    }

    void space() {
        while (!done() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r' || text_[at_] == '\n')) ++at_;
    }

    bool done() const { return at_ >= text_.size(); }

    std::string_view text_;
    size_t at_ = 0, depth_ = 0;
    std::bitset<kDeepest> object_;  // what is open: an object, or an array
};

}  // namespace

bool is_json(std::string_view text) { return Reader(text).run(); }

}  // namespace sniffer
