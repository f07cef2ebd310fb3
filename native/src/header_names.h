// The names of a head's fields as its record has them, in lower case, and which of them are the same.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "record.h"
#include "text.h"

namespace sniffer {

// One field's name, and the next field of that name.
struct HeaderName {
    static constexpr uint32_t kNone = UINT32_MAX;
    uint64_t signature;  // equal names have equal ones
    uint32_t offset, size;
    uint32_t next = kNone, last = kNone;
    bool repeated = false;  // an earlier header has the name
    bool plain = true;      // nothing in it is to be escaped
    bool latin1 = false;    // it was no UTF-8
};

// What it holds is used again from head to head. A head made of thousands of names stays cheap whatever they are.
class HeaderNames {
 public:
    // Forgets what was collected before.
    void collect(std::span<const HeaderField> fields);
    const HeaderName& operator[](size_t field) const { return headers_[field]; }
    std::string_view text(const HeaderName& header) const { return names_.view().substr(header.offset, header.size); }

 private:
    void add(std::string_view name);
    bool same(const HeaderName& a, const HeaderName& b) const;
    void link(uint32_t first, uint32_t later);
    void link_few();
    void link_to_first(uint32_t later);
    void link_many();
    uint32_t& place_of(const HeaderName& header);

    Text names_;
    std::vector<HeaderName> headers_;
    std::vector<uint32_t> places_;  // a hash table of the headers, where they are many
};

}  // namespace sniffer
