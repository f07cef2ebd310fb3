// What a RecordEncoder keeps from record to record.
#pragma once

#include "field_text.h"
#include "header_names.h"
#include "record_body.h"
#include "redact.h"

namespace sniffer {

// What is often the same in one record as in the one before.
struct Usual {
    Timestamp timestamp;
    EndpointText receiver;
};

struct RecordEncoder::Scratch {
    Scratch(const Config& config, Budget* budget)
        : own_budget(config.max_memory), redactor(config), body(config, redactor, budget ? *budget : own_budget) {}
    Budget own_budget;
    Redactor redactor;
    RecordBody body;
    Usual usual;
    Text url;
    HeaderNames names;
};

}  // namespace sniffer
