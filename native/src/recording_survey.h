// Reads a file of our own again, without libpcap: what it holds and where its last whole packet ends.
#pragma once

#include <cstdint>
#include <string>

#include "recording_format.h"

namespace sniffer {

struct FileSurvey {
    uint64_t packets = 0, bytes = 0, whole = 0;  // `whole`: bytes up to the end of the last whole packet
    Nanos first = 0, last = 0;
};

// Reads no further than `most` packets. Throws std::runtime_error.
FileSurvey survey_file(const std::string& path, const RecordingFormat& format, uint64_t most = UINT64_MAX);

// "2026-01-02T03:04:05.000000006Z"
std::string iso_time(Nanos time);

}  // namespace sniffer
