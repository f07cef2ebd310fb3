// Several capture files made into one.
#pragma once

#include <cstdint>
#include <string_view>

namespace sniffer {

// `request` as sniffer_merge takes it. Returns the packets written. Throws EngineError.
uint64_t merge_recordings(std::string_view request);

}  // namespace sniffer
