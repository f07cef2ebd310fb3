// libFuzzer: a body in one piece and in many has the same content and the same end; bytes that are missing in the
// midst of it, where that can be told, leave its end where it was.
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "check.h"
#include "http_body.h"

using namespace sniffer;
using sniffer::fuzz::check;

namespace {

using Step = BodyReader::Step;

struct Body {
    std::string content;
    size_t read = 0;  // bytes up to where it ended or broke
    Step last = Step::more;
    bool operator==(const Body&) const = default;
};

Framing make_framing(FuzzedDataProvider& data) {
    Framing framing;
    framing.kind = data.PickValueInArray(
        {Framing::Kind::chunked, Framing::Kind::chunked, Framing::Kind::length, Framing::Kind::until_close});
    if (framing.kind == Framing::Kind::length) framing.length = data.ConsumeIntegralInRange<uint64_t>(1, 300);
    return framing;
}

bool ends(Step step) { return step == Step::trailers || step == Step::done || step == Step::broken; }

// One piece; what stands at its end may be looked at again with the next.
void read_piece(BodyReader& reader, std::string_view piece, Body& out) {
    while (!piece.empty() && !ends(out.last)) {
        const auto [step, bytes] = reader.next(piece);
        check(bytes <= piece.size(), "no more is read than there is");
        check(bytes > 0 || step != Step::more, "it goes on");
        if (step == Step::content) out.content.append(piece.substr(0, bytes));
        out.read += bytes;
        out.last = step;
        piece.remove_prefix(bytes);
        if (step == Step::content && reader.done()) out.last = Step::done;
    }
}

Body whole(const Framing& framing, std::string_view bytes) {
    BodyReader reader;
    reader.start(framing);
    Body out;
    read_piece(reader, bytes, out);
    return out;
}

Body in_pieces(const Framing& framing, std::string_view bytes, FuzzedDataProvider& data) {
    BodyReader reader;
    reader.start(framing);
    Body out;
    while (!bytes.empty() && !ends(out.last)) {
        const size_t size = std::min(bytes.size(), data.ConsumeIntegralInRange<size_t>(1, 20));
        read_piece(reader, bytes.substr(0, size), out);
        bytes.remove_prefix(size);
    }
    return out;
}

// `missing` bytes from `from` on are not seen. Where skip() says that the body goes on, it ends where it did.
void check_hole(const Framing& framing, std::string_view bytes, const Body& seen, FuzzedDataProvider& data) {
    const size_t from = data.ConsumeIntegralInRange<size_t>(0, bytes.size());
    const size_t missing = data.ConsumeIntegralInRange<size_t>(0, bytes.size() - from);
    BodyReader reader;
    reader.start(framing);
    Body out;
    read_piece(reader, bytes.substr(0, from), out);
    if (ends(out.last) || missing == 0) return;
    check(reader.missing_of(missing) <= missing, "no more is missing than was lost");
    if (!reader.skip(missing)) return;
    out.read += missing;
    if (reader.done()) out.last = Step::done;
    read_piece(reader, bytes.substr(from + missing), out);
    check(out.read == seen.read && ends(out.last) == ends(seen.last), "a hole leaves the end where it was");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* raw, size_t size) {
    FuzzedDataProvider data(raw, size);
    const Framing framing = make_framing(data);
    const std::string bytes = data.ConsumeRandomLengthString(4096);
    const Body seen = whole(framing, bytes);
    check(seen.content.size() <= seen.read && seen.read <= bytes.size(), "content is part of what was read");
    if (framing.kind == Framing::Kind::length)
        check(seen.content.size() == std::min<uint64_t>(framing.length, bytes.size()), "a length is obeyed");
    Body pieces = in_pieces(framing, bytes, data);
    if (!ends(seen.last)) pieces.last = seen.last;  // where it goes on, what the last piece was tells nothing
    check(pieces == seen, "in pieces it is the same body");
    check_hole(framing, bytes, seen, data);
    return 0;
}
