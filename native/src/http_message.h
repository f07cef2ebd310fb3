// A message that is being read.
#pragma once

#include <algorithm>
#include <string>

#include "arena.h"
#include "exchange.h"
#include "http_head.h"
#include "record.h"

namespace sniffer {

// What a head usually takes: memory beyond it is given back.
constexpr size_t kKeptMemory = 4096;

// Forgets a string's content, and its memory where that is much.
template <typename String>
void reset_text(String& text) {
    if (text.capacity() > kKeptMemory)
        text = String();
    else
        text.clear();
}

// What is known of a message so far, but for its text.
struct DraftFacts : MessageFacts {
    uint64_t charged = 0;
    bool hole = false;  // bytes behind it are only counted
    bool filtered = false, self_delivery = false;
    bool upgrade = false;    // status 101
    bool undecided = false;  // its request is unknown, and its framing depends on it
    Nanos asked = -1;        // the first byte of its request
    Exchange counted;        // of a response, but for what its end tells

    // Packets may be recorded in another order than the stream's.
    void came_by(uint64_t packet) {
        if (packet == 0) return;
        first_packet = first_packet == 0 ? packet : std::min(first_packet, packet);
        last_packet = std::max(last_packet, packet);
    }
};

// A message that is being read.
struct MessageDraft : DraftFacts {
    HeadBuffer raw;  // of a head, or a trailer section, that came in several pieces
    Text head_json, request_json, trailers_json;
    std::string content_type, content_encoding;
    Chain body;

    uint64_t memory() const {
        return sizeof(MessageDraft) + raw.memory() + head_json.capacity() + request_json.capacity() +
               trailers_json.capacity() + content_type.capacity() + content_encoding.capacity();
    }

    // Bytes of what was said so far.
    uint64_t kept() const {
        return raw.size() + head_json.size() + request_json.size() + trailers_json.size() + content_type.size() +
               content_encoding.size() + body.size();
    }

    // The body's chunks are the arena's: clear them first.
    void reset() {
        if (!raw.untouched()) raw.clear();
        if (raw.memory() > kKeptMemory) raw = HeadBuffer();
        for (Text* text : {&head_json, &request_json, &trailers_json}) reset_text(*text);
        for (std::string* text : {&content_type, &content_encoding}) reset_text(*text);
        static_cast<DraftFacts&>(*this) = {};
    }
};

}  // namespace sniffer
