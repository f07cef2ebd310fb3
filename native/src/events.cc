#include "events.h"

#include <cstring>
#include <utility>

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

Events::Kind& Events::kind_of(std::string_view event) {
    for (Kind& kind : kinds_) {
        if (kind.name.empty()) kind.name = event;
        if (kind.name == event) return kind;
    }
    return kinds_.back();
}

void Events::withhold(Kind& kind) {
    ++kind.withheld;
    ledger_.streams.events_withheld.add();
}

bool Events::withhold(std::string_view event) {
    std::lock_guard lock(mutex_);
    Kind& kind = kind_of(event);
    if (kind.waiting < kMostOfAKind) return false;
    withhold(kind);
    return true;
}

void Events::add(const Line& line) {
    std::lock_guard lock(mutex_);
    const std::string text = line.finish();
    Kind& kind = kind_of(line.event());
    if (kind.waiting >= kMostOfAKind || lines_.size() + text.size() > kMostWaiting) return withhold(kind);
    ++kind.waiting;
    lines_ += text;
}

size_t Events::read(char* buffer, size_t capacity) {
    std::lock_guard lock(mutex_);
    tell_withheld();
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

// A line for each kind at most, so that what waits stays bounded.
void Events::tell_withheld() {
    for (Kind& kind : kinds_)
        if (const uint64_t lines = std::exchange(kind.withheld, 0))
            lines_ += Line("withheld").text("kind", kind.name).number("lines", lines).finish();
}

}  // namespace sniffer
