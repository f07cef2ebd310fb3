// The configuration's JSON, member by member.
#pragma once

#include <simdjson.h>

#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "config.h"
#include "error.h"

namespace sniffer {

using simdjson::dom::element;
using simdjson::dom::object;

[[noreturn]] inline void refuse(std::string_view field, std::string_view expected) {
    throw EngineError(SNIFFER_CONFIG, "configuration: " + std::string(field) + " must be " + std::string(expected));
}

// The members that are there are read; the others keep their defaults. `null` counts as absent.
class Fields {
 public:
    Fields(object members, std::string prefix) : members_(members), prefix_(std::move(prefix)) {}

    bool find(std::string_view name, element& out) const {
        return members_[name].get(out) == simdjson::SUCCESS && !out.is_null();
    }
    std::string path(std::string_view name) const { return prefix_ + std::string(name); }

    void read(std::string_view name, std::string& out) const {
        std::string_view text;
        if (get(name, text, "a string")) out = text;
    }
    void read(std::string_view name, bool& out) const { get(name, out, "true or false"); }
    void read(std::string_view name, double& out, double least, double most) const {
        element value;
        if (!find(name, value)) return;
        if (value.get_double().get(out) != simdjson::SUCCESS || !(out >= least && out <= most))
            refuse(path(name), "a number from " + std::to_string(least) + " to " + std::to_string(most));
    }
    template <typename Int>
    void read_integer(std::string_view name, Int& out, uint64_t most = std::numeric_limits<Int>::max()) const {
        const std::string expected = "an integer from 0 to " + std::to_string(most);
        uint64_t value = 0;
        if (!get(name, value, expected)) return;
        if (value > most) refuse(path(name), expected);
        out = static_cast<Int>(value);
    }
    void read(std::string_view name, std::vector<std::string>& out) const {
        element list;
        if (!find(name, list)) return;
        if (!list.is_array()) refuse(path(name), "a list of strings");
        for (element item : simdjson::dom::array(list)) {
            std::string_view text;
            if (item.get(text) != simdjson::SUCCESS) refuse(path(name), "a list of strings");
            out.emplace_back(text);
        }
    }
    // Members of `name`, an object; false where it is absent.
    bool enter(std::string_view name, object& out) const { return get(name, out, "an object"); }

 private:
    template <typename T>
    bool get(std::string_view name, T& out, std::string_view expected) const {
        element value;
        if (!find(name, value)) return false;
        if (value.get(out) != simdjson::SUCCESS) refuse(path(name), expected);
        return true;
    }

    object members_;
    std::string prefix_;
};

// Ports and ranges, as `name` lists them; nothing where it is absent.
std::vector<PortRange> read_ports(const Fields& fields, std::string_view name);
RecordingConfig read_recording(const Fields& fields);

}  // namespace sniffer
