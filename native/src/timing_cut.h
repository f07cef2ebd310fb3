// A capture file's packets of some flows, as a capture file: what another process needs to go on with
// connections that cross files.
#pragma once

#include <string>
#include <string_view>

#include "config.h"

namespace sniffer {

// `flows`: lines of "protocol address port address port", in either direction, protocol 6 or 17. Of
// packets that begin no HTTP message the headers are kept, of the others the first 2 KiB; fragments
// are kept whole. Throws EngineError.
void cut_flows(const Config& config, std::string_view flows, const std::string& path);

}  // namespace sniffer
