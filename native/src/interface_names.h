// Interfaces by number, so that a packet's row need not hold a text.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sniffer {

class InterfaceNames {
 public:
    static constexpr uint32_t kNone = 0;

    // From 1, the same for the same name; kNone for an empty one, and for new ones once kMost are known: a file
    // may name as many as it likes.
    uint32_t number(std::string_view name) {
        if (name.empty()) return kNone;
        const auto known = numbers_.find(name);
        if (known != numbers_.end()) return known->second;
        if (names_.size() >= kMost) return kNone;
        const auto added = numbers_.emplace(name.substr(0, kLongest), static_cast<uint32_t>(names_.size() + 1)).first;
        names_.push_back(&added->first);
        return added->second;
    }
    // nullptr for a number that was not given.
    const char* name(uint32_t number) const {
        return number == kNone || number > names_.size() ? nullptr : names_[number - 1]->c_str();
    }

 private:
    static constexpr size_t kMost = 4096, kLongest = 255;
    std::map<std::string, uint32_t, std::less<>> numbers_;
    std::vector<const std::string*> names_;
};

}  // namespace sniffer
