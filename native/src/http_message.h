// Messages on their way: being read, or waiting for their answer.
#pragma once

#include <algorithm>
#include <memory>
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
struct DraftFacts {
    Nanos timestamp = 0, latency = -1;
    uint64_t body_size = 0, missing = 0, charged = 0;
    uint64_t first_packet = 0, last_packet = 0;  // numbers in the recording
    uint32_t exchange = 0;
    bool body_cut = false;
    bool hole = false;  // bytes behind it are only counted
    bool midstream = false, conflicting = false, ambiguous = false, headers_truncated = false, interim = false;
    bool filtered = false, self_delivery = false, partial = false;
    Exchange counted;        // of a response, but for what its end tells
    Nanos asked = -1;        // the first byte of its request
    bool upgrade = false;    // status 101
    bool undecided = false;  // its request is unknown, and its framing depends on it

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

    // The body's chunks are the arena's: clear them first.
    void reset() {
        raw.clear();
        if (raw.memory() > kKeptMemory) raw = HeadBuffer();
        for (Text* text : {&head_json, &request_json, &trailers_json}) reset_text(*text);
        for (std::string* text : {&content_type, &content_encoding}) reset_text(*text);
        static_cast<DraftFacts&>(*this) = {};
    }
};

// A request whose final response was not seen yet.
struct PendingRequest {
    std::unique_ptr<PendingRequest> next;
    Text reference_json;
    Nanos began = 0, ended = -1;  // its first and last byte's packets; -1 while it goes on
    int64_t size = -1;            // of its body, once that is seen whole
    Method method = Method::other;
    uint64_t charged = 0;
    uint32_t exchange = 0;
    bool head = false, connect = false, filtered = false, self_delivery = false;

    void reset() {
        reset_text(reference_json);
        began = 0;
        ended = -1;
        size = -1;
        method = Method::other;
        charged = 0;
        exchange = 0;
        head = connect = filtered = self_delivery = false;
    }
};

}  // namespace sniffer
