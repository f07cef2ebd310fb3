#include "content_decode.h"

#include <algorithm>
#include <array>
#include <string>

#include "ascii.h"
#include "content_coding.h"

namespace sniffer {

namespace {

constexpr size_t kMaxRatio = 20;
constexpr size_t kMaxCodings = 4;

// The codings in the order they were applied. False when there are too many.
struct CodingList {
    std::array<std::string_view, kMaxCodings> names;
    size_t count = 0;

    bool parse(std::string_view value) {
        while (!value.empty()) {
            const std::string_view name = trim(take_until(value, ','));
            if (name.empty() || equals_lower(name, "identity")) continue;
            if (count == kMaxCodings) return false;
            names[count++] = name;
        }
        return true;
    }
};

}  // namespace

// Made at their first use, then kept: the libraries' state is large.
struct ContentDecoder::Codings {
    Budget& budget;
    std::unique_ptr<Coding> gzip, deflate, brotli, zstd;

    Coding* find(std::string_view name) {
        if (equals_lower(name, "gzip") || equals_lower(name, "x-gzip")) return made(gzip, make_gzip);
        if (equals_lower(name, "deflate")) return made(deflate, make_deflate);
        if (equals_lower(name, "br")) return made(brotli, make_brotli);
        if (equals_lower(name, "zstd")) return made(zstd, make_zstd);
        return nullptr;
    }
    Coding* made(std::unique_ptr<Coding>& coding, std::unique_ptr<Coding> (*make)(Budget&)) {
        if (!coding) coding = make(budget);
        return coding.get();
    }
};

ContentDecoder::ContentDecoder(Budget& budget) : codings_(new Codings{budget, {}, {}, {}, {}}) {}
ContentDecoder::~ContentDecoder() = default;

namespace {

using Result = ContentDecoder::Result;

// One byte more than `limit` is asked for, to tell an output that just fits from one that is cut.
Result undo(Coding& coding, std::span<const std::string_view> pieces, size_t limit, Text& out) {
    out.clear();
    if (pieces.empty()) return Result::decoded;
    BoundedOutput output(out, limit + 1);
    coding.begin(pieces.front());
    auto step = Coding::Step::more;
    for (const std::string_view piece : pieces) {
        step = coding.feed(piece, output);
        if (step != Coding::Step::more) break;
    }
    // A body may end early, but not before it gave anything.
    if (step == Coding::Step::corrupt || (step == Coding::Step::more && out.empty() && !coding.ended()))
        return Result::failed;
    if (out.size() <= limit) return step == Coding::Step::more && !coding.ended() ? Result::cut : Result::decoded;
    out.cut(limit);
    return Result::cut;
}

}  // namespace

ContentDecoder::Result ContentDecoder::decode(std::string_view codings, std::span<const std::string_view> body,
                                              size_t limit, Text& out) {
    CodingList list;
    if (!list.parse(codings)) return Result::failed;
    if (list.count == 0) return Result::plain;
    size_t allowance = 0;
    for (const std::string_view piece : body) allowance += piece.size() * kMaxRatio;
    Result result = Result::decoded;
    std::string_view whole;
    for (size_t i = list.count; i-- > 0;) {  // the last one applied is undone first
        Coding* coding = codings_->find(list.names[i]);
        if (!coding) return Result::failed;
        const Result step = undo(*coding, body, std::min(limit, allowance), out);
        if (step == Result::failed) return step;
        if (step == Result::cut) result = step;
        allowance -= out.size();
        if (i == 0) break;
        std::swap(between_, out);
        whole = between_.view();
        body = {&whole, whole.empty() ? size_t{0} : size_t{1}};
    }
    return result;
}

bool has_content_coding(std::string_view codings) {
    CodingList list;
    return !list.parse(codings) || list.count > 0;
}

}  // namespace sniffer
