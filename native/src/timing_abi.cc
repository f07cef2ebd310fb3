// The C ABI of the timing: no exception leaves it.
#include <cstring>
#include <exception>
#include <string>

#include "error.h"
#include "sniffer_timing.h"
#include "timing_cut.h"
#include "timing_reader.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

using sniffer::EngineError;

struct sniffer_timing {
    sniffer_timing(sniffer::Config config, bool packets) : reader(std::move(config), packets) {}
    sniffer::TimingReader reader;
    std::string error;
};

static_assert(sizeof(sniffer_timing_packet) == 64 && sizeof(sniffer_timing_turn) == 72 &&
              sizeof(sniffer_timing_connection) == 96);

namespace {

// Runs `call`; what it throws becomes a status, and its sentence goes to `error`.
template <typename Call>
int guarded(std::string& error, Call call) {
    try {
        call();
        return SNIFFER_OK;
    } catch (const EngineError& failure) {
        error = failure.what();
        return failure.status();
    } catch (const std::exception& failure) {
        error = failure.what();
    } catch (...) {
        error = "an unknown fault";
    }
    return SNIFFER_INTERNAL;
}

void copy_text(const std::string& text, char* out, size_t capacity) {
    if (!out || capacity == 0) return;
    const size_t size = std::min(text.size(), capacity - 1);
    std::memcpy(out, text.data(), size);
    out[size] = 0;
}

void describe(const sniffer::TimingRows& rows, sniffer_timing_batch& out) {
    out.packets = rows.packets.data();
    out.packet_count = rows.packets.size();
    out.turns = rows.turns.rows.data();
    out.turn_count = rows.turns.rows.size();
    out.request_text = rows.turns.text.data();
    out.request_offsets = rows.turns.offsets.data();
    out.connections = rows.connections.rows.data();
    out.connection_count = rows.connections.rows.size();
    out.address_text = rows.connections.text.data();
    out.address_offsets = rows.connections.offsets.data();
}

}  // namespace

EXPORT int sniffer_timing_open(const char* config, uint32_t flags, sniffer_timing** out, char* error, size_t capacity) {
    *out = nullptr;
    std::string reason;
    const int status = guarded(
        reason, [&] { *out = new sniffer_timing(sniffer::parse_config(config), flags & SNIFFER_TIMING_PACKETS); });
    copy_text(reason, error, capacity);
    return status;
}

EXPORT int sniffer_timing_begin(const char* path, int64_t* time, char* error, size_t capacity) {
    std::string reason;
    const int status = guarded(reason, [&] { *time = sniffer::first_packet_time(path); });
    copy_text(reason, error, capacity);
    return status;
}

EXPORT int sniffer_timing_cut(const char* config, const char* flows, const char* path, char* error, size_t capacity) {
    std::string reason;
    const int status = guarded(reason, [&] { sniffer::cut_flows(sniffer::parse_config(config), flows, path); });
    copy_text(reason, error, capacity);
    return status;
}

EXPORT int sniffer_timing_read(sniffer_timing* handle, sniffer_timing_batch* batch) {
    *batch = {};
    return guarded(handle->error, [&] { describe(handle->reader.read(), *batch); });
}

EXPORT void sniffer_timing_count(sniffer_timing* handle, sniffer_timing_counts* counts) {
    *counts = handle->reader.counts();
}

EXPORT const char* sniffer_timing_interface(sniffer_timing* handle, uint32_t number) {
    return handle->reader.interfaces().name(number);
}

EXPORT const char* sniffer_timing_error(sniffer_timing* handle) { return handle->error.c_str(); }

EXPORT void sniffer_timing_close(sniffer_timing* handle) { delete handle; }
