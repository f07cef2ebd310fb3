#include "json_text.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <random>
#include <string>

#include "plain_copy.h"
#include "utf8.h"

namespace sniffer {
namespace {

std::string escaped(std::string_view in) {
    Text out;
    escape_json(in, out);
    return std::string(out.view());
}

// As a JSON parser of another hand reads it back.
std::string parsed(std::string_view inside) {
    simdjson::dom::parser parser;
    const std::string document = "{\"s\":\"" + std::string(inside) + "\"}";
    return std::string(std::string_view(parser.parse(document)["s"]));
}

std::string random_text(std::mt19937& random, size_t size, std::string_view alphabet) {
    std::string text(size, '\0');
    for (char& c : text) c = alphabet.empty() ? static_cast<char>(random()) : alphabet[random() % alphabet.size()];
    return text;
}

TEST(JsonText, EscapesWhatMustBeAndNothingElse) {
    EXPECT_EQ(escaped("plain / text"), "plain / text");
    EXPECT_EQ(escaped("\"\\\b\f\n\r\t"), "\\\"\\\\\\b\\f\\n\\r\\t");
    EXPECT_EQ(escaped(std::string("\0\x01\x0b\x0e\x18\x1f", 6)), "\\u0000\\u0001\\u000b\\u000e\\u0018\\u001f");
    EXPECT_EQ(escaped("\x7f äöü\u2028"), "\x7f äöü\u2028");
}

TEST(JsonText, EachByteAtEachPlace) {
    for (int byte = 0; byte < 256; ++byte) {
        for (size_t at = 0; at < 70; ++at) {
            std::string text(70, 'x');
            text[at] = static_cast<char>(byte);
            Text fast, portable;
            EXPECT_EQ(escape_json(text, fast), byte < 0x80);
            EXPECT_EQ(escape_json_portable(text, portable), byte < 0x80);
            ASSERT_EQ(fast.view(), portable.view()) << byte << " at " << at;
        }
    }
}

TEST(JsonText, FastAndPortableAgreeOnRandomBytes) {
    std::mt19937 random(3);
    using namespace std::string_view_literals;
    const std::string_view alphabets[] = {"",         "ab\"\\",     "\"",         "a\n\t\"\\\x01",
                                          "\x01\x1f", "abcdefgh\"", "\n\r\b\f\t", "\0\x07\x0b\x0e\x0f\x10\x18\x1f"sv};
    for (int round = 0; round < 3000; ++round) {
        const std::string text = random_text(random, random() % 200, alphabets[static_cast<size_t>(round) % 8]);
        Text fast, portable;
        ASSERT_EQ(escape_json(text, fast), escape_json_portable(text, portable));
        ASSERT_EQ(fast.view(), portable.view());
        if (valid_utf8(text)) {
            ASSERT_EQ(parsed(fast), text);
        }
    }
}

TEST(JsonText, LongTextsGoByBlocks) {
    std::mt19937 random(4);
    for (const size_t size : {4095u, 4096u, 4097u, 20000u}) {
        const std::string text = random_text(random, size, "ab\"\\\n\x02");
        ASSERT_EQ(parsed(escaped(text)), text);
    }
}

TEST(JsonText, WithinALimitOnlyWholeEscapesGoIn) {
    const std::string text = "a\"\x01z";  // 1 + 2 + 6 + 1 bytes
    const std::string_view whole = "a\\\"\\u0001z";
    for (size_t limit = 0; limit <= 11; ++limit) {
        Text out;
        const size_t taken = escape_json_within(text, limit, out);
        EXPECT_EQ(taken, limit < 1 ? 0 : limit < 3 ? 1 : limit < 9 ? 2 : limit < 10 ? 3 : 4) << limit;
        EXPECT_LE(out.size(), limit);
        EXPECT_TRUE(whole.starts_with(out.view()));
    }
}

TEST(JsonText, Latin1IsByteForByte) {
    Text out;
    EXPECT_EQ(escape_latin1_within("a\xe9\xff\"\x80", 100, out), 5u);
    EXPECT_EQ(out.view(), "aéÿ\\\"\u0080");
    Text cut;
    EXPECT_EQ(escape_latin1_within("a\xe9", 2, cut), 1u);
}

TEST(PlainCopy, TellsWhatIsPlain) {
    std::mt19937 random(5);
    for (int round = 0; round < 20000; ++round) {
        std::string text = random_text(random, random() % 60, "abcXYZ@[`{- ");
        const bool plain = random() % 2 == 0 || text.empty();
        if (!plain) text[random() % text.size()] = "\"\\\n\x1f\x80\xff"[random() % 6];
        std::string copy(text.size(), '?'), lower = copy;
        ASSERT_EQ(copy_plain(text, copy.data()), plain) << testing::PrintToString(text);
        ASSERT_EQ(copy, text);
        ASSERT_EQ(copy_plain<Case::lower>(text, lower.data()), plain);
        ASSERT_EQ(lower, to_lower(text));
    }
}

}  // namespace
}  // namespace sniffer
