// libFuzzer: whatever bytes make up a message, its record is one line of valid JSON and UTF-8,
// within its limit; and a secret that stands under a known key, whatever is around it, is not in it.
#include <fuzzer/FuzzedDataProvider.h>
#include <simdjson.h>

#include <algorithm>
#include <string>
#include <vector>

#include "json_check.h"
#include "record.h"
#include "utf8.h"

using namespace sniffer;

namespace {

Config make_config(FuzzedDataProvider& data) {
    Config config;
    config.max_record = data.ConsumeIntegralInRange<uint64_t>(4096, 16384);
    config.max_body = data.ConsumeIntegralInRange<uint64_t>(0, 8192);
    config.decode_body = data.ConsumeBool();
    config.redact_headers = {"authorization", "cookie"};
    if (data.ConsumeBool()) config.redact_fields = {"a", "password"};
    config.withhold_unparsable = data.ConsumeBool();
    return config;
}

void check(const Text& line, const Config& config) {
    simdjson::dom::parser parser;
    const bool good = line.size() <= config.max_record && line.view().ends_with("}\n") && valid_utf8(line) &&
                      line.view().find('\n') == line.size() - 1 &&
                      parser.parse(line.data(), line.size()).error() == simdjson::SUCCESS;
    if (!good) __builtin_trap();
}

constexpr std::string_view kSecret = "s3cret-4f1d";
constexpr std::string_view kForm = "application/x-www-form-urlencoded";

// Where the field is planted it is one to whom reads the body as what the type says: `&` begins a field of every form;
// in JSON the quote begins a key, or ends a string before what is no JSON.
bool must_be_hidden(const Config& config, const Message& message, std::string_view planted, std::string_view content) {
    if (config.redact_fields.empty() || planted.empty() || !message.content_encoding.empty()) return false;
    if (planted.starts_with('&')) return message.content_type.empty() || message.content_type == kForm;
    return config.withhold_unparsable && (message.content_type == "application/json" || is_json(content));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    FuzzedDataProvider data(bytes, size);
    const Config config = make_config(data);
    std::vector<std::string> strings;
    for (size_t count = data.ConsumeIntegralInRange<size_t>(0, 100); count > 0; --count)
        strings.push_back(data.ConsumeRandomLengthString(100));
    std::vector<HeaderField> headers;
    for (size_t i = 0; i + 1 < strings.size(); i += 2) headers.push_back({strings[i], strings[i + 1]});
    const std::string target = data.ConsumeRandomLengthString(5000), method = data.ConsumeRandomLengthString(20);
    const std::string traceparent = data.ConsumeRandomLengthString(60);
    const std::string encoding = data.PickValueInArray({"", "gzip", "deflate", "br", "zstd", "gzip, br"});
    const std::string type = data.PickValueInArray(
        {"", "application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"});
    const std::string planted = data.PickValueInArray({"", "&password=s3cret-4f1d", ",\"password\":\"s3cret-4f1d\""});
    const size_t plant_at = data.ConsumeIntegralInRange<size_t>(0, 1024);

    Message message;
    Head head;
    message.request = head.request = data.ConsumeBool();
    head.method = method;
    head.target = head.reason = target;
    head.version = "1.1";
    head.status = data.ConsumeIntegralInRange(0, 999);
    head.headers = headers;
    head.trace = parse_traceparent(traceparent);
    if (data.ConsumeBool()) head.trace = parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    message.body_cut = data.ConsumeBool();
    message.incomplete = data.ConsumeBool() ? Incomplete::gap : Incomplete::none;
    message.content_encoding = encoding;
    message.content_type = type;

    RecordEncoder encoder(config);
    Text head_json, request_json, trailers_json, line;
    const EncodedHead encoded = encoder.encode_head(head, config.max_record / 2, head_json);
    encoder.encode_request_reference(head, head_json.view().substr(0, encoded.request_line), config.max_record / 4,
                                     request_json);
    encoder.encode_trailers(headers, config.max_record / 4, trailers_json);
    if (head_json.size() > config.max_record / 2) __builtin_trap();
    if (request_json.size() > config.max_record / 4 || trailers_json.size() > config.max_record / 4) __builtin_trap();
    message.head_json = head_json;
    message.request_json = request_json;
    message.trailers_json = trailers_json;

    Budget budget(1 << 20);
    Arena arena(budget);
    Chain body;
    std::string content = data.ConsumeRemainingBytesAsString();
    const auto has_secret = [](std::string_view text) { return text.find(kSecret) != std::string_view::npos; };
    const bool elsewhere =
        has_secret(content) || has_secret(head_json) || has_secret(request_json) || has_secret(trailers_json);
    content.insert(std::min(plant_at, content.size()), planted);
    body.append(arena, content.data(), content.size());
    message.body = &body;
    message.body_size = content.size();
    encoder.encode(message, line);
    check(line, config);
    if (!elsewhere && must_be_hidden(config, message, planted, content) && has_secret(line)) __builtin_trap();
    return 0;
}
