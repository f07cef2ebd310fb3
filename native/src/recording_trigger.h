// The rule for the messages whose packets are to be kept.
#pragma once

#include "record.h"

namespace sniffer {

// Does one of the rules hold? The path is compared as the record shows it: redacted, up to the `?`.
bool triggers(const RecordingConfig& rules, const Message& message);

}  // namespace sniffer
