// Messages on their way: being read, or waiting for their answer.
#pragma once

#include <memory>
#include <string>

#include "arena.h"
#include "http_head.h"
#include "record.h"

namespace sniffer {

// Forgets a string's content, and its memory where that is more than a head usually takes.
template <typename String>
void reset_text(String& text) {
    if (text.capacity() > 4096)
        text = String();
    else
        text.clear();
}

// A message that is being read.
struct MessageDraft {
    Nanos timestamp = 0;
    HeadBuffer raw;  // of a head, or a trailer section, that came in several pieces
    Text head_json, request_json, trailers_json;
    std::string content_type, content_encoding;
    Chain body;
    uint64_t body_size = 0, missing = 0, charged = 0;
    uint32_t exchange = 0;
    Nanos latency = -1;
    bool body_cut = false;
    bool hole = false;  // bytes behind it are only counted
    bool midstream = false, conflicting = false, ambiguous = false, headers_truncated = false, interim = false;
    bool filtered = false, self_delivery = false;
    bool upgrade = false;    // status 101
    bool undecided = false;  // its request is unknown, and its framing depends on it

    uint64_t memory() const {
        return sizeof(MessageDraft) + raw.memory() + head_json.capacity() + request_json.capacity() +
               trailers_json.capacity() + content_type.capacity() + content_encoding.capacity();
    }

    // The body's chunks are the arena's: clear them first.
    void reset() {
        HeadBuffer kept = std::move(raw);
        Text head = std::move(head_json), request = std::move(request_json), trailers = std::move(trailers_json);
        std::string type = std::move(content_type), encoding = std::move(content_encoding);
        *this = MessageDraft();
        kept.clear();
        for (Text* text : {&head, &request, &trailers}) reset_text(*text);
        reset_text(type);
        reset_text(encoding);
        if (kept.memory() <= 4096) raw = std::move(kept);
        head_json = std::move(head);
        request_json = std::move(request);
        trailers_json = std::move(trailers);
        content_type = std::move(type);
        content_encoding = std::move(encoding);
    }
};

// A request whose final response was not seen yet.
struct PendingRequest {
    std::unique_ptr<PendingRequest> next;
    Text reference_json;
    Nanos ended = -1;  // its last byte's packet; -1 while it goes on
    uint64_t charged = 0;
    uint32_t exchange = 0;
    bool head = false, connect = false, filtered = false, self_delivery = false;

    void reset() {
        Text text = std::move(reference_json);
        *this = PendingRequest();
        reset_text(text);
        reference_json = std::move(text);
    }
};

}  // namespace sniffer
