// libFuzzer: any text as the configuration at the C ABI. It is one, or it is refused in a sentence that names the
// field.
#include <netdb.h>

#include <cstring>
#include <string>

#include "check.h"
#include "config.h"
#include "error.h"
#include "sniffer.h"

using namespace sniffer;
using sniffer::fuzz::check;

// A capture filter may name hosts: nobody is asked for them here.
extern "C" __attribute__((visibility("default"))) int getaddrinfo(const char*, const char*, const addrinfo*,
                                                                  addrinfo**) {
    return EAI_NONAME;
}

namespace {

// libpcap's compiler takes exponential time for some long expressions.
constexpr size_t kLongestFilter = 40;

void check_config(const Config& config) {
    check(!config.ports.empty(), "there is a port");
    for (const std::vector<PortRange>* ports : {&config.ports, &config.recording.ports})
        for (const PortRange& range : *ports) check(range.first >= 1 && range.first <= range.last, "a range is one");
    check(config.sample_rate >= 0 && config.sample_rate <= 1, "the rate is one");
    check(config.replay_speed >= 0 && config.max_body <= 1 << 30 && config.max_record <= 1ULL << 31, "limits hold");
    for (const ExcludeRule& rule : config.exclude)
        check(!rule.method.empty() || !rule.path.empty() || !rule.header_name.empty(), "a rule says something");
}

bool compiles_quickly(const Config& config) {
    return config.filter.size() <= kLongestFilter && config.recording.filter.size() <= kLongestFilter &&
           config.ports.size() + config.recording.ports.size() <= 8;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    try {
        const Config config = parse_config(text.c_str());
        check_config(config);
        if (!compiles_quickly(config)) return 0;
    } catch (const EngineError& error) {
        check(error.status() == SNIFFER_CONFIG, error.what());
    }
    char error[256];
    std::memset(error, 'x', sizeof error);
    const int status = sniffer_check(text.c_str(), error, sizeof error);
    check(status == SNIFFER_OK || status == SNIFFER_CONFIG, "it is right or wrong, nothing else");
    if (status == SNIFFER_CONFIG)
        check(std::memchr(error, 0, sizeof error) && error[0], "a refusal says why, and ends");
    return 0;
}
