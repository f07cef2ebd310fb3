// What must not be shown: named headers, query parameters, form and JSON fields.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ascii.h"
#include "config.h"
#include "text.h"

namespace sniffer {

constexpr std::string_view kRedacted = "[REDACTED]";

// A set of names, compared without regard to ASCII case. The two letters beyond ASCII whose lower or upper case is in
// it, U+017F (long s) and U+212A (Kelvin), are taken for s and k, as Go's encoding/json takes them.
class NameSet {
 public:
    explicit NameSet(const std::vector<std::string>& names);
    bool empty() const { return names_.empty(); }
    // `name` is in lower case.
    bool has_lower(std::string_view name) const {
        return !name.empty() && (marks_ >> mark_lower(name) & 1) && find(name);
    }
    bool has(std::string_view name) const {
        if (name.empty()) return false;
        return (marks_ >> mark(name) & 1 && find_any_case(name)) || (name.size() > shortest_ && find_folded(name));
    }
    // As PHP reads the names of fields: with `_` for each `.`, space and `[`.
    bool has_underscored(std::string_view name) const;
    // A small number of a name that is not empty, in lower case: most names of one head have different ones.
    static size_t mark_lower(std::string_view name) {
        return (name.size() + 5 * static_cast<size_t>(name.front())) & 63;
    }

 private:
    bool find(std::string_view name) const;
    bool find_any_case(std::string_view name) const;
    bool find_folded(std::string_view name) const;
    static size_t mark(std::string_view name) {
        return (name.size() + 5 * static_cast<size_t>(ascii_lower(name.front()))) & 63;
    }
    std::vector<std::string> names_;
    size_t shortest_ = SIZE_MAX;  // folding makes a name shorter
    uint64_t marks_ = 0;          // a bit for each name's length and first letter: most names need no look
};

class Redactor {
 public:
    explicit Redactor(const Config& config) : headers_(config.redact_headers), fields_(config.redact_fields) {}

    // Is this header's value withheld? `name` is in lower case, here and below.
    bool header(std::string_view name) const { return headers_.has_lower(name); }
    bool has_fields() const { return !fields_.empty(); }
    // Whether there is a URL in a header's value, whose parameters may be secret.
    bool holds_url(std::string_view name, std::string_view value) const;
    // Appends a URL or request target; the values of named parameters are replaced.
    void url(std::string_view url, Text& out) const;
    // Whether a body, which is whole, is what its type says and a search of it finds every field: JSON, form or
    // multipart.
    bool parses(std::string_view content_type, std::string_view body) const;
    // Appends a body; the values of named form and JSON fields are replaced.
    void body(std::string_view content_type, std::string_view body, Text& out) const;

 private:
    NameSet headers_, fields_;
};

}  // namespace sniffer
