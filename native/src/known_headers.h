// Headers that come again and again: how they read, and the JSON they became. From head to head little but a line or
// two differs, so most lines need neither be searched for their end nor be read nor be written a second time.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "header_kind.h"
#include "record.h"

#ifdef __SSE2__
#include <immintrin.h>
#endif

namespace sniffer {

// A header line of the usual form, `name: value` CR LF, and what is known of it.
struct KnownHeader {
    static constexpr size_t kMost = 96, kMostJson = 112;
    // JSON is copied in whole groups of this size: so many bytes more are written.
    static constexpr size_t kSlack = 16;

    // Writes `"name":"value",` as the record has it, and returns its end.
    char* put(char* out) const {
        for (size_t at = 0; at < json_size; at += kSlack) std::memcpy(out + at, json + at, kSlack);
        return out + json_size;
    }

    uint64_t mark = 0;                // what keep() was told
    uint64_t head = 0;                // the last head that it was seen in
    uint32_t line_size = UINT32_MAX;  // CR LF included; as it is here: none
    uint32_t name_size = 0, json_size = 0;
    uint32_t candidate = 0;  // of the last header that was not known here
    HeaderKind kind = HeaderKind::other;
    char line[kMost], json[kMostJson];
};

// A table of fixed size without chains: a header has one place, where the last one that came twice in a row stays.
// So what never comes again (a date, an id) drives nothing out, and whatever goes by costs no more than a miss.
class KnownHeaders {
 public:
    KnownHeaders() { expected_.fill(&entries_[0]); }
    // What at() and find() returned stays as it is until the next head begins.
    void begin_head() { ++head_; }

    // The header that begins at `at`, where `available` bytes are, judged by its first bytes; most often it is that
    // one or an unknown one. A line that is continued on the next is none.
    const KnownHeader* at(const char* at, size_t available) {
        if (available <= kLeast) return nullptr;
        KnownHeader& known = *expected_[prefix(at)];
        if (known.line_size >= available || !same(known.line, at, known.line_size)) return nullptr;
        const char next = at[known.line_size];
        if (next == ' ' || next == '\t') return nullptr;
        known.head = head_;
        return &known;
    }

    // The same for a header that was read.
    const KnownHeader* find(const HeaderField& field) {
        const Line line(field);
        if (line.bytes.empty()) return nullptr;
        KnownHeader& known = entries_[line.slot()];
        if (known.line_size != line.bytes.size() + 2 ||
            std::memcmp(known.line, line.bytes.data(), line.bytes.size()) != 0)
            return nullptr;
        known.head = head_;
        expected_[prefix(known.line)] = &known;
        return &known;
    }

    // What find() did not know became `json`. `mark`: the writer's, for later.
    void keep(const HeaderField& field, uint64_t mark, std::string_view json) {
        const Line line(field);
        if (line.bytes.empty() || json.size() > KnownHeader::kMostJson) return;
        KnownHeader& known = entries_[line.slot()];
        const auto tag = static_cast<uint32_t>(line.hash);
        if (known.candidate != tag) {
            known.candidate = tag;
            return;
        }
        if (known.head == head_) return;  // this head's fields point to it
        known.mark = mark;
        known.kind = header_kind(field.name);
        known.name_size = static_cast<uint32_t>(field.name.size());
        known.line_size = static_cast<uint32_t>(line.bytes.size() + 2);
        known.json_size = static_cast<uint32_t>(json.size());
        std::memcpy(known.line, line.bytes.data(), line.bytes.size());
        std::memcpy(known.line + line.bytes.size(), "\r\n", 2);
        std::memcpy(known.json, json.data(), json.size());
    }

 private:
    static constexpr size_t kLeast = 16;
    static constexpr int kBits = 9, kShift = 64 - kBits;
    static constexpr uint64_t kMix = 0x9e3779b97f4a7c15;

    // A header as it was sent, when it is one that may be kept: of the usual form, and neither tiny nor long.
    struct Line {
        explicit Line(const HeaderField& field) {
            // `name: value`, one run of bytes. (An unfolded value lies elsewhere.)
            if (field.value.data() != field.name.data() + field.name.size() + 2) return;
            const size_t size = field.name.size() + 2 + field.value.size();
            if (size < kLeast || size + 2 > KnownHeader::kMost) return;
            bytes = {field.name.data(), size};
            uint64_t first, last;
            std::memcpy(&first, bytes.data(), 8);
            std::memcpy(&last, bytes.data() + size - 8, 8);
            hash = (first ^ (last << 29 | last >> 35) ^ size << 56) * kMix;
        }
        size_t slot() const { return hash >> kShift; }
        std::string_view bytes;  // empty: it is none
        uint64_t hash = 0;
    };

    static size_t prefix(const char* line) {
        uint64_t first, second;
        std::memcpy(&first, line, 8);
        std::memcpy(&second, line + 8, 8);
        return (first ^ (second << 29 | second >> 35)) * kMix >> kShift;
    }

    // `size`: at least 16. The end is compared with the sixteen bytes that end there.
    static bool same(const char* kept, const char* line, size_t size) {
#ifdef __SSE2__
        const auto differ = [&](size_t at) {
            const auto load = [at](const char* from) {
                return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + at));
            };
            return _mm_movemask_epi8(_mm_cmpeq_epi8(load(kept), load(line))) != 0xffff;
        };
        for (size_t at = 0; at + 16 < size; at += 16)
            if (differ(at)) return false;
        return !differ(size - 16);
#else
        return std::memcmp(kept, line, size) == 0;
#endif
    }

    uint64_t head_ = 0;
    static constexpr size_t kEntries = size_t{1} << kBits;
    std::unique_ptr<KnownHeader[]> entries_ = std::make_unique<KnownHeader[]>(kEntries);
    std::array<KnownHeader*, kEntries> expected_;  // by a line's first bytes
};

}  // namespace sniffer
