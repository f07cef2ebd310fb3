// Finds, from the front to the end of a text, what is to be replaced in it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "redact.h"

namespace sniffer {

// A value, and whether a quoted string takes its place.
struct Found {
    size_t begin = 0, end = 0;
    bool quoted = false;
};

// The values of named JSON fields. The text need not be whole or well-formed.
class JsonSearch {
 public:
    JsonSearch(std::string_view text, const NameSet& fields) : text_(text), fields_(fields) {}
    bool next(Found& found);

 private:
    bool named(std::string_view key) const;
    size_t skip_space(size_t at) const;
    size_t string_end(size_t quote, bool one_line) const;
    size_t value_end(size_t at) const;
    size_t nested_end(size_t at) const;

    std::string_view text_;
    const NameSet& fields_;
    size_t at_ = 0;
};

// What either of two searches finds in the same text, each for itself: where their values touch, both are replaced as
// one. (A search of what another one left would miss the names that went with the other's values.)
template <typename First, typename Second>
class EitherSearch {
 public:
    EitherSearch(First first, Second second) : first_(first), second_(second) {}

    bool next(Found& found) {
        if (!first_.any && !second_.any) return false;
        if (second_.any && (!first_.any || second_.found.begin < first_.found.begin))
            found = second_.found;
        else
            found = first_.found;
        while (first_.joins(found) || second_.joins(found)) {
        }
        return true;
    }

 private:
    template <typename Search>
    struct Ahead {
        explicit Ahead(Search begun) : search(begun) { any = search.next(found); }

        bool joins(Found& other) {
            if (!any || found.begin > other.end) return false;
            other.end = std::max(other.end, found.end);
            any = search.next(found);
            return true;
        }

        Search search;
        Found found;
        bool any;
    };

    Ahead<First> first_;
    Ahead<Second> second_;
};

// Appends the text with all that is found replaced.
template <typename Search>
void replace_found(std::string_view text, Search search, Text& out) {
    size_t copied = 0;
    for (Found found; search.next(found); copied = found.end) {
        out.append(text.substr(copied, found.begin - copied));
        if (found.quoted) out.push_back('"');
        out.append(kRedacted);
        if (found.quoted) out.push_back('"');
    }
    out.append(text.substr(copied));
}

}  // namespace sniffer
