#include "byte_set.h"

#include <gtest/gtest.h>

#include <string>

namespace sniffer {
namespace {

TEST(ByteSet, FindsEachMemberAndNothingElseAtEachPlace) {
    constexpr std::string_view members = ",]} \t\r\n&\x7f";
    static constexpr ByteSet set(members);
    for (int byte = 0; byte < 256; ++byte) {
        for (size_t at = 0; at < 60; ++at) {
            std::string text(60, 'x');
            text[at] = static_cast<char>(byte);
            const bool member = members.find(static_cast<char>(byte)) != std::string_view::npos;
            ASSERT_EQ(set.find_in(text), member ? at : text.size()) << byte << " at " << at;
            ASSERT_EQ(set.find_in(text, at + 1), text.size());
        }
    }
}

}  // namespace
}  // namespace sniffer
