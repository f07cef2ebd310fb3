#include "events.h"

#include <cstring>

namespace sniffer {

Events::Line::Line(std::string_view event) : event_(event) { json_.append("{\"event\":\"").append(event).append("\""); }

Events::Line& Events::Line::text(std::string_view key, std::string_view value) {
    json_.append(",\"").append(key).append("\":\"");
    for (char c : value) {
        if (c == '"' || c == '\\') json_ += '\\';
        json_ += c >= 0x20 && c < 0x7f ? c : '.';
    }
    json_ += '"';
    return *this;
}

Events::Line& Events::Line::number(std::string_view key, uint64_t value) {
    json_.append(",\"").append(key).append("\":").append(std::to_string(value));
    return *this;
}

Events::Line& Events::Line::ends(const Endpoint& receiver, const Endpoint& destination) {
    return text("receiver", to_string(receiver)).text("destination", to_string(destination));
}

Events::Kind* Events::open_kind(std::string_view event) {
    for (Kind& kind : kinds_) {
        if (kind.name.empty()) kind.name = event;
        if (kind.name == event) return kind.waiting < kMostOfAKind ? &kind : nullptr;
    }
    return nullptr;
}

bool Events::withhold(std::string_view event) {
    std::lock_guard lock(mutex_);
    if (open_kind(event)) return false;
    ledger_.streams.events_withheld.add();
    return true;
}

void Events::add(const Line& line) {
    std::lock_guard lock(mutex_);
    const std::string text = line.finish();
    Kind* kind = open_kind(line.event());
    if (!kind || lines_.size() + text.size() > kMostWaiting) return ledger_.streams.events_withheld.add();
    ++kind->waiting;
    lines_ += text;
}

size_t Events::read(char* buffer, size_t capacity) {
    std::lock_guard lock(mutex_);
    size_t size = lines_.size();
    if (size > capacity) {
        size_t last = std::string_view(lines_).substr(0, capacity).rfind('\n');
        size = last == std::string_view::npos ? 0 : last + 1;
    }
    if (size > 0) std::memcpy(buffer, lines_.data(), size);
    lines_.erase(0, size);
    for (Kind& kind : kinds_) kind.waiting = 0;
    return size;
}

}  // namespace sniffer
