// What a RecordEncoder keeps from record to record.
#pragma once

#include <cstdint>
#include <vector>

#include "field_text.h"
#include "record_body.h"
#include "redact.h"

namespace sniffer {

// A header's lower-case name, and the next header of that name.
struct HeaderName {
    static constexpr uint32_t kNone = UINT32_MAX;
    uint64_t signature;  // equal names have equal ones
    uint32_t offset, size;
    uint32_t next = kNone, last = kNone;
    bool repeated = false;  // an earlier header has the name
    bool plain = true;      // nothing in it is to be escaped
    bool latin1 = false;    // it was no UTF-8

    std::string_view in(const Text& names) const { return names.view().substr(offset, size); }
};

struct RecordEncoder::Scratch {
    Scratch(const Config& config, Budget* budget)
        : own_budget(config.max_memory), redactor(config), body(config, redactor, budget ? *budget : own_budget) {}
    Budget own_budget;
    Redactor redactor;
    RecordBody body;
    Timestamp timestamp;
    Text names, url;
    std::vector<HeaderName> headers;
    std::vector<uint32_t> places;
};

}  // namespace sniffer
