// libFuzzer: a head read at once, in pieces, behind others, and over the limit: the same head, the same end, the same
// framing.
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <string>
#include <vector>

#include "check.h"
#include "http_body.h"
#include "http_head.h"

using namespace sniffer;
using sniffer::fuzz::check;

namespace {

struct Reading {
    ParsedHead parsed;
    size_t end;
};

Reading read(const RawHead& raw, bool request, HeadScratch& scratch) {
    Reading out{};
    out.end = parse_head(raw, request, scratch, out.parsed);
    return out;
}

bool same_fields(const Head& a, const Head& b) {
    return std::equal(
        a.headers.begin(), a.headers.end(), b.headers.begin(), b.headers.end(),
        [](const HeaderField& x, const HeaderField& y) { return x.name == y.name && x.value == y.value; });
}

bool same_framing(const ParsedHead& a, const ParsedHead& b) {
    const Framing x = a.head.request ? request_framing(a) : response_framing(a, {});
    const Framing y = b.head.request ? request_framing(b) : response_framing(b, {});
    return x.kind == y.kind && x.length == y.length && x.ambiguous == y.ambiguous;
}

void same_head(const ParsedHead& a, const ParsedHead& b) {
    check(a.valid == b.valid, "valid or not");
    check(a.head.method == b.head.method && a.head.target == b.head.target, "the request line is the same");
    check(a.head.status == b.head.status && a.head.reason == b.head.reason, "the status line is the same");
    check(a.head.version == b.head.version && a.simple == b.simple, "the version is the same");
    check(same_fields(a.head, b.head), "the fields are the same");
    check(same_framing(a, b), "the framing is the same");
    check(a.self_delivery == b.self_delivery && a.traced == b.traced, "what is looked for is the same");
}

// Behind the end nothing is read; what came before it tells the same.
void check_end(std::string_view raw, bool request, size_t end) {
    const std::vector<char> exact(raw.begin(), raw.begin() + static_cast<std::ptrdiff_t>(end));
    HeadScratch scratch;
    check(read({{exact.data(), exact.size()}, exact.size()}, request, scratch).end == end, "it ends there alone");
    check(read({{exact.data(), exact.size() - 1}, exact.size()}, request, scratch).end == HeadScanner::npos,
          "it does not end before");
}

// In pieces, as they come where a head is longer than a segment.
void check_pieces(FuzzedDataProvider& data, std::string_view raw, const Reading& whole, bool request) {
    HeadScanner scanner;
    HeadBuffer buffer, limited;
    const size_t limit = data.ConsumeIntegralInRange<size_t>(1, 400);
    size_t at = 0, end = HeadScanner::npos;
    while (at < raw.size() && end == HeadScanner::npos) {
        const size_t size = std::min(raw.size() - at, data.ConsumeIntegralInRange<size_t>(1, 40));
        const size_t found = scanner.feed(raw.data() + at, size);
        if (found != HeadScanner::npos) end = at + found;
        const std::string_view part = raw.substr(at, found == HeadScanner::npos ? size : found);
        buffer.append(part, raw.size());
        limited.append(part, limit);
        at += size;
    }
    check(end == whole.end, "the pieces end where the whole does");
    if (end == HeadScanner::npos) return;
    HeadScratch scratch;
    same_head(read(buffer.raw(), request, scratch).parsed, whole.parsed);
    const RawHead cut = limited.raw();
    check(cut.kept <= limit + 1, "what is kept is within the limit");
    check(cut.bytes.size() <= cut.kept + 4096 + 512, "and so are the lines behind it");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    FuzzedDataProvider data(bytes, size);
    const bool request = data.ConsumeBool();
    const std::string raw = data.ConsumeRandomLengthString(4096);
    if (raw.empty() || raw[0] == '\r' || raw[0] == '\n') return 0;  // passed over before a head
    HeadScratch scratch;
    const RawHead head{raw, raw.size()};
    const Reading whole = read(head, request, scratch);
    if (whole.end != HeadScanner::npos) check_end(raw, request, whole.end);
    check_pieces(data, raw, whole, request);
    // Once more, when its headers are known: `whole` points into the first scratch, this one has its own.
    HeadScratch warm;
    read(head, request, warm);
    same_head(read(head, request, warm).parsed, whole.parsed);
    return 0;
}
