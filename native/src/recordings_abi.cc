// The C ABI of the recordings: no exception leaves it.
#include <cstdio>
#include <exception>

#include "error.h"
#include "recordings_merge.h"
#include "sniffer_recordings.h"

extern "C" __attribute__((visibility("default"))) int sniffer_merge(const char* request, unsigned long long* packets,
                                                                    char* error, size_t capacity) {
    try {
        *packets = sniffer::merge_recordings(request);
        return SNIFFER_OK;
    } catch (const sniffer::EngineError& failure) {
        std::snprintf(error, capacity, "%s", failure.what());
        return failure.status();
    } catch (const std::exception& failure) {
        std::snprintf(error, capacity, "%s", failure.what());
    }
    return SNIFFER_INTERNAL;
}
