// SHA-256 of a file, and a file made smaller.
#pragma once

#include <cstdint>
#include <string>

#include "config.h"

namespace sniffer {

// In hexadecimal digits, and the bytes that were read. Throws std::runtime_error.
std::string sha256_of_file(const std::string& path, uint64_t& bytes);

// Writes `from` to the new file `to`. Throws std::runtime_error; then `to` is not there.
void compress_file(const std::string& from, const std::string& to, RecordingConfig::Compress how);

}  // namespace sniffer
