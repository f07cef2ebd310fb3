// The rules of `exclude`.
#include <algorithm>

#include "ascii.h"
#include "glob.h"
#include "record.h"

namespace sniffer {

namespace {

bool method_matches(const ExcludeRule& rule, const Head& head) {
    if (rule.method.empty()) return true;
    return rule.method.size() == head.method.size() &&
           std::equal(rule.method.begin(), rule.method.end(), head.method.begin(),
                      [](char a, char b) { return ascii_lower(a) == ascii_lower(b); });
}

bool path_matches(const ExcludeRule& rule, const Head& head) {
    return rule.path.empty() || glob_matches(rule.path, head.target.substr(0, head.target.find('?')));
}

bool header_matches(const ExcludeRule& rule, const Head& head) {
    if (rule.header_name.empty()) return true;
    return std::any_of(head.headers.begin(), head.headers.end(), [&](const HeaderField& header) {
        return equals_lower(header.name, rule.header_name) &&
               (rule.header_value.empty() || glob_matches(rule.header_value, header.value));
    });
}

}  // namespace

bool excluded(const Config& config, const Head& head) {
    return std::any_of(config.exclude.begin(), config.exclude.end(), [&](const ExcludeRule& rule) {
        return method_matches(rule, head) && path_matches(rule, head) && header_matches(rule, head);
    });
}

}  // namespace sniffer
