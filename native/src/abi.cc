// The C ABI: no exception leaves it.
#include <cstring>
#include <exception>
#include <memory>
#include <string>

#include "clock.h"
#include "confine.h"
#include "engine.h"
#include "error.h"
#include "pcap_handle.h"
#include "sniffer.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

using sniffer::Engine;
using sniffer::EngineError;

struct sniffer_handle {
    explicit sniffer_handle(sniffer::Config config) : engine(std::move(config)) {}
    Engine engine;
    std::string error;
};

namespace {

void copy_text(const char* text, char* out, size_t capacity) {
    if (!out || capacity == 0) return;
    size_t size = std::min(std::strlen(text), capacity - 1);
    std::memcpy(out, text, size);
    out[size] = 0;
}

size_t give_text(const std::string& text, char* out, size_t capacity) {
    if (out && text.size() < capacity) std::memcpy(out, text.c_str(), text.size() + 1);
    return text.size() + 1;
}

// Runs `call`; what it throws becomes a status, and its sentence goes to `say`.
template <typename Call, typename Say>
int guarded(Call call, Say say) {
    try {
        call();
        return SNIFFER_OK;
    } catch (const EngineError& error) {
        say(error.what());
        return error.status();
    } catch (const std::exception& error) {
        say(error.what());
    } catch (...) {
        say("an unknown fault");
    }
    return SNIFFER_INTERNAL;
}

sniffer::Endpoint endpoint(const char* address, uint16_t port) {
    sniffer::Endpoint end;
    end.port = port;
    if (!sniffer::parse_address(address, end.ip))
        throw EngineError(SNIFFER_CONFIG, std::string("not a numeric address: ") + address);
    return end;
}

}  // namespace

EXPORT int sniffer_abi_version(void) { return SNIFFER_ABI_VERSION; }

EXPORT int sniffer_open(const char* config, sniffer_handle** out, char* error, size_t capacity) {
    *out = nullptr;
    return guarded([&] { *out = new sniffer_handle(sniffer::parse_config(config)); },
                   [&](const char* text) { copy_text(text, error, capacity); });
}

EXPORT int sniffer_start(sniffer_handle* handle) {
    return guarded([&] { handle->engine.start(); }, [&](const char* text) { handle->error = text; });
}

EXPORT int sniffer_exclude(sniffer_handle* handle, const char* address, uint16_t port) {
    return guarded([&] { handle->engine.excluded().add(endpoint(address, port)); },
                   [&](const char* text) { handle->error = text; });
}

EXPORT int sniffer_include(sniffer_handle* handle, const char* address, uint16_t port) {
    return guarded([&] { handle->engine.excluded().close(endpoint(address, port), sniffer::wall_time()); },
                   [&](const char* text) { handle->error = text; });
}

EXPORT int sniffer_confine(char* error, size_t capacity) {
    return guarded(
        [] {
            sniffer::forbid_core_dumps();
            const std::string reason = sniffer::confine_thread();
            if (!reason.empty()) throw EngineError(SNIFFER_REFUSED, reason);
        },
        [&](const char* text) { copy_text(text, error, capacity); });
}

EXPORT int sniffer_event_fd(sniffer_handle* handle) { return handle->engine.ring().event_fd(); }

EXPORT int sniffer_read(sniffer_handle* handle, sniffer_batch* batch) {
    std::unique_ptr<sniffer::Batch> oldest = handle->engine.ring().pop();
    if (!oldest) return 0;
    oldest.release()->describe(*batch);
    return 1;
}

EXPORT void sniffer_release(sniffer_handle* handle, sniffer_batch* batch) {
    handle->engine.ring().release(std::unique_ptr<sniffer::Batch>(static_cast<sniffer::Batch*>(batch->owner)));
    *batch = {};
}

EXPORT size_t sniffer_read_events(sniffer_handle* handle, char* buffer, size_t capacity) {
    return handle->engine.events().read(buffer, capacity);
}

EXPORT size_t sniffer_stats(sniffer_handle* handle, char* buffer, size_t capacity) {
    return give_text(handle->engine.ledger().to_json(), buffer, capacity);
}

EXPORT size_t sniffer_exchanges(sniffer_handle* handle, char* buffer, size_t capacity) {
    return give_text(handle->engine.exchanges().to_json(), buffer, capacity);
}

EXPORT int sniffer_stop(sniffer_handle* handle) {
    return guarded([&] { handle->engine.stop(); }, [&](const char* text) { handle->error = text; });
}

EXPORT int sniffer_finished(sniffer_handle* handle, int* status) {
    if (!handle->engine.finished()) return 0;
    if (status) *status = handle->engine.status();
    if (handle->engine.status() != SNIFFER_OK) handle->error = handle->engine.reason();
    return 1;
}

EXPORT const char* sniffer_last_error(sniffer_handle* handle) { return handle->error.c_str(); }

EXPORT const char* sniffer_status_text(int status) {
    switch (status) {
        case SNIFFER_OK:
            return "no error";
        case SNIFFER_CONFIG:
            return "the configuration is wrong";
        case SNIFFER_NO_INTERFACE:
            return "there is no such interface";
        case SNIFFER_REFUSED:
            return "the system refused the capture";
        case SNIFFER_STATE:
            return "the call does not fit the capture's state";
        case SNIFFER_FILE:
            return "a capture file can't be read";
        case SNIFFER_LOST:
            return "the capture ended by itself";
        default:
            return "an internal fault of the engine";
    }
}

EXPORT size_t sniffer_describe(sniffer_handle* handle, char* buffer, size_t capacity) {
    return give_text(handle->engine.describe(), buffer, capacity);
}

EXPORT int sniffer_check(const char* config, char* error, size_t capacity) {
    return guarded(
        [&] {
            const sniffer::PcapHandle ethernet(pcap_open_dead(DLT_EN10MB, 262144));
            sniffer::FilterProgram(ethernet.get(), sniffer::parse_config(config), sniffer::FilterFor::all);
        },
        [&](const char* text) { copy_text(text, error, capacity); });
}

EXPORT size_t sniffer_interfaces(char* buffer, size_t capacity) {
    std::string out = "[]";
    guarded(
        [&] {
            std::string list = "[";
            for (const sniffer::Interface& each : sniffer::list_interfaces()) {
                if (list.size() > 1) list += ',';
                list += "{\"name\":\"" + each.name + "\",\"up\":" + (each.up ? "true" : "false") +
                        ",\"loopback\":" + (each.loopback ? "true" : "false") + ",\"addresses\":[";
                for (size_t i = 0; i < each.addresses.size(); ++i)
                    list += (i ? ",\"" : "\"") + sniffer::to_string(each.addresses[i]) + "\"";
                list += "]}";
            }
            out = list + "]";
        },
        [](const char*) {});
    return give_text(out, buffer, capacity);
}

EXPORT void sniffer_close(sniffer_handle* handle) { delete handle; }
