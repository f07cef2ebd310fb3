// Headers that come again and again, with the JSON they became: from head to head little but a line or two differs.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "record.h"

#ifdef __SSE2__
#include <immintrin.h>
#endif

namespace sniffer {

// A table of fixed size without chains: a header has one place, where the last one that came twice in a row stays.
// So what never comes again (a date, an id) drives nothing out, and whatever goes by costs no more than a miss.
class HeaderCache {
 public:
    // A header as it was sent, when it is one that may be kept: of the usual form, and neither tiny nor long.
    struct Line {
        explicit Line(const HeaderField& field) {
            // `name: value`, one run of bytes. (An unfolded value lies elsewhere.)
            if (field.value.data() != field.name.data() + field.name.size() + 2) return;
            const size_t size = field.name.size() + 2 + field.value.size();
            if (size < kLeast || size > kMost) return;
            bytes = {field.name.data(), size};
            sizes = static_cast<uint32_t>(size << 16 | field.name.size());
            uint64_t first, last;
            std::memcpy(&first, bytes.data(), 8);
            std::memcpy(&last, bytes.data() + size - 8, 8);
            hash = (first ^ (last << 29 | last >> 35) ^ sizes) * 0x9e3779b97f4a7c15;
        }
        std::string_view bytes;  // empty: it is none
        uint32_t sizes = 0;      // of the line and of the name
        uint64_t hash = 0;
    };

    // Writes the header's JSON to `out`, where kSlack bytes more than that has may be written, and returns its end;
    // nullptr where it is not known. `mark` is what keep() was told.
    char* put(const Line& line, uint64_t& mark, char* out) const {
        if (line.bytes.empty()) return nullptr;
        const Entry& entry = entries_[line.hash >> kShift];
        if (entry.sizes != line.sizes || !same(entry.line, line.bytes)) return nullptr;
        mark = entry.mark;
        for (size_t at = 0; at < entry.json_size; at += kSlack) std::memcpy(out + at, entry.json + at, kSlack);
        return out + entry.json_size;
    }

    // What put() did not know became `json`.
    void keep(const Line& line, uint64_t mark, std::string_view json) {
        if (line.bytes.empty() || json.size() > kMostJson) return;
        Entry& entry = entries_[line.hash >> kShift];
        const auto tag = static_cast<uint32_t>(line.hash);
        if (entry.candidate != tag) {
            entry.candidate = tag;
            return;
        }
        entry.sizes = line.sizes;
        entry.json_size = static_cast<uint32_t>(json.size());
        entry.mark = mark;
        std::memcpy(entry.line, line.bytes.data(), line.bytes.size());
        std::memcpy(entry.json, json.data(), json.size());
    }

    static constexpr size_t kSlack = 16;

 private:
    static constexpr size_t kLeast = 16, kMost = 96, kMostJson = 112;
    static constexpr int kBits = 9, kShift = 64 - kBits;
    struct Entry {
        uint32_t sizes = 0, json_size = 0;
        uint32_t candidate = 0;  // of the last header that was not known here
        uint64_t mark = 0;
        char line[kMost], json[kMostJson];
    };

    // `line` has at least 16 bytes: its end is compared with the sixteen that end there.
    static bool same(const char* kept, std::string_view line) {
#ifdef __SSE2__
        const auto differ = [&](size_t at) {
            const auto load = [at](const char* from) {
                return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + at));
            };
            return _mm_movemask_epi8(_mm_cmpeq_epi8(load(kept), load(line.data()))) != 0xffff;
        };
        for (size_t at = 0; at + 16 < line.size(); at += 16)
            if (differ(at)) return false;
        return !differ(line.size() - 16);
#else
        return std::memcmp(kept, line.data(), line.size()) == 0;
#endif
    }

    std::vector<Entry> entries_{size_t{1} << kBits};
};

}  // namespace sniffer
