#include "utf8.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace sniffer {
namespace {

enum class Outcome { valid, invalid, ends_early };

Outcome in_pieces(std::string_view text, size_t piece) {
    Utf8Check check;
    for (size_t at = 0; at < text.size(); at += piece)
        if (!check.feed(text.substr(at, piece))) return Outcome::invalid;
    return check.pending() > 0 ? Outcome::ends_early : Outcome::valid;
}

TEST(Utf8, SameInPiecesOfAnySize) {
    const std::string text = "Grüße, 世界 \U0001F600 \U0010FFFF end\u07ff\u0800\ud7ff\ue000";
    for (size_t piece = 1; piece <= text.size(); ++piece) EXPECT_EQ(in_pieces(text, piece), Outcome::valid) << piece;
}

TEST(Utf8, WhatIsNotUtf8IsFoundInPiecesOfAnySize) {
    const std::string cases[] = {
        "\xc0\x80",  // overlong
        "\xc1\xbf",
        "\xe0\x9f\xbf",      // overlong
        "\xf0\x8f\xbf\xbf",  // overlong
        "\xed\xa0\x80",      // a surrogate
        "\xf4\x90\x80\x80",  // beyond U+10FFFF
        "\xf5\x80\x80\x80",
        "\xff",
        "\x80",        // a continuation alone
        "\xe4\xb8 x",  // a character cut short
        "\xc3(",
    };
    for (const std::string& bad : cases) {
        const std::string text = "before " + bad + " after";
        for (size_t piece = 1; piece <= text.size(); ++piece)
            EXPECT_EQ(in_pieces(text, piece), Outcome::invalid) << testing::PrintToString(bad) << " by " << piece;
    }
}

TEST(Utf8, ATailThatMayBecomeValidIsPending) {
    for (const std::string tail :
         {"\xc3", "\xe4\xb8", "\xe0\xa0", "\xed\x9f", "\xf0\x9f\x98", "\xf4\x8f", "\xe0", "\xf4"}) {
        const std::string text = "ab" + tail;
        EXPECT_EQ(incomplete_tail(text), tail.size());
        for (size_t piece = 1; piece <= text.size(); ++piece) EXPECT_EQ(in_pieces(text, piece), Outcome::ends_early);
        Utf8Check check;
        EXPECT_TRUE(check.feed(text));
        EXPECT_EQ(check.pending(), tail.size());
    }
    for (const std::string tail : {"\xe0\x80", "\xed\xa0", "\xf0\x80", "\xf4\x90", "\xf5", "\xc0", "\xf8"})
        for (size_t piece = 1; piece <= 4; ++piece) EXPECT_EQ(in_pieces("ab" + tail, piece), Outcome::invalid);
}

TEST(Utf8, RandomBytesInPiecesAgreeWithTheWhole) {
    std::mt19937 random(7);
    const std::string alphabet = "a\x80\xbf\xc2\xe0\xa0\xed\x9f\xf0\x90\xf4\x8f\xff";
    for (int round = 0; round < 20000; ++round) {
        std::string text(1 + random() % 12, '\0');
        for (char& c : text) c = alphabet[random() % alphabet.size()];
        const Outcome outcome = in_pieces(text, 1 + random() % 5);
        ASSERT_EQ(outcome == Outcome::valid, valid_utf8(text)) << testing::PrintToString(text);
    }
}

}  // namespace
}  // namespace sniffer
