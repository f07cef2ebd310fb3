#include "recording_trigger.h"

#include <charconv>

#include "glob.h"

namespace sniffer {
namespace {

// What follows `name` in JSON that we wrote ourselves; empty where it is absent.
std::string_view behind(std::string_view json, std::string_view name) {
    const size_t at = json.find(name);
    return at == std::string_view::npos ? std::string_view() : json.substr(at + name.size());
}

int status_of(const Message& message) {
    int status = 0;
    const std::string_view text = message.request ? std::string_view() : behind(message.head_json, "\"statusCode\":");
    std::from_chars(text.data(), text.data() + text.size(), status);
    return status;
}

std::string_view path_of(const Message& message) {
    const std::string_view text = behind(message.request ? message.head_json : message.request_json, "\"path\":\"");
    size_t end = 0;
    while (end < text.size() && text[end] != '"' && text[end] != '?') end += text[end] == '\\' ? 2 : 1;
    return text.substr(0, end);
}

}  // namespace

bool triggers(const RecordingConfig& rules, const Message& message) {
    if (rules.trigger_status > 0 && status_of(message) >= rules.trigger_status) return true;
    if (rules.trigger_latency_ms >= 0 && message.latency >= rules.trigger_latency_ms * kMillisecond) return true;
    if (rules.trigger_path.empty()) return false;
    const std::string_view path = path_of(message);
    return !path.empty() && glob_matches(rules.trigger_path, path);
}

}  // namespace sniffer
