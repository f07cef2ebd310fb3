// A record's line taken apart again, for targets that hold records against what another parser read.
#pragma once

#include <simdjson.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "check.h"
#include "utf8.h"

namespace sniffer::fuzz {

using Values = std::map<std::string, std::vector<std::string>>;  // by name in lower case, in wire order

inline std::string decode_base64(std::string_view text) {
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    uint32_t bits = 0;
    int count = 0;
    for (char c : text.substr(0, text.find('='))) {
        const size_t digit = alphabet.find(c);
        check(digit != std::string_view::npos, "base64 has its alphabet alone");
        bits = bits << 6 | static_cast<uint32_t>(digit);
        if ((count += 6) >= 8) out += static_cast<char>(bits >> (count -= 8));
    }
    return out;
}

// A part of a head as a record has it: what is not valid UTF-8 byte for byte as U+0000 to U+00FF.
inline std::string recorded(const std::string& text) {
    if (valid_utf8(text)) return text;
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x80) out += static_cast<char>(0xc0 | byte >> 6);
        out += static_cast<char>(byte >= 0x80 ? 0x80 | (byte & 0x3f) : byte);
    }
    return out;
}

class RecordLine {
 public:
    explicit RecordLine(std::string line) : line_(std::move(line)) {
        check(parser_.parse(line_).get(members_) == simdjson::SUCCESS, "a record is a JSON object");
    }
    RecordLine(const RecordLine&) = delete;
    RecordLine& operator=(const RecordLine&) = delete;

    bool has(std::string_view name) const { return members_[name].error() == simdjson::SUCCESS; }
    bool flag(std::string_view name) const {
        bool value = false;
        return members_[name].get(value) == simdjson::SUCCESS && value;
    }
    uint64_t number(std::string_view name) const {
        uint64_t value = 0;
        check(members_[name].get(value) == simdjson::SUCCESS, "a number is there");
        return value;
    }
    // Empty where it is absent.
    std::string text(std::string_view name) const { return std::string(raw(name)); }
    Values fields(std::string_view name) const {
        Values out;
        simdjson::dom::object object;
        if (members_[name].get(object) != simdjson::SUCCESS) return out;
        for (auto [key, value] : object) add(out[std::string(key)], value);
        return out;
    }
    std::string body() const {
        const std::string_view body = raw("body");
        return raw("bodyEncoding") == "base64" ? decode_base64(body) : std::string(body);
    }
    const std::string& line() const { return line_; }

 private:
    std::string_view raw(std::string_view name) const {
        std::string_view value;
        if (members_[name].get(value) != simdjson::SUCCESS) return {};
        return value;
    }
    static void add(std::vector<std::string>& out, simdjson::dom::element value) {
        std::string_view text;
        if (value.get(text) == simdjson::SUCCESS) {
            out.emplace_back(text);
            return;
        }
        for (simdjson::dom::element each : simdjson::dom::array(value)) add(out, each);
    }

    std::string line_;
    simdjson::dom::parser parser_;
    simdjson::dom::object members_;
};

}  // namespace sniffer::fuzz
