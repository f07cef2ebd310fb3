#include "content_decode.h"

#include <brotli/encode.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <random>
#include <string>
#include <vector>

namespace sniffer {
namespace {

using Result = ContentDecoder::Result;

std::string deflated(std::string_view text, int window_bits) {
    z_stream stream{};
    deflateInit2(&stream, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY);
    std::string out(deflateBound(&stream, text.size()) + 64, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}
std::string gzip(std::string_view text) { return deflated(text, 31); }
std::string zlib(std::string_view text) { return deflated(text, 15); }
std::string raw(std::string_view text) { return deflated(text, -15); }
std::string brotli(std::string_view text) {
    size_t size = BrotliEncoderMaxCompressedSize(text.size()) + 64;
    std::string out(size, '\0');
    EXPECT_TRUE(BrotliEncoderCompress(5, 22, BROTLI_MODE_TEXT, text.size(),
                                      reinterpret_cast<const uint8_t*>(text.data()), &size,
                                      reinterpret_cast<uint8_t*>(out.data())));
    out.resize(size);
    return out;
}
std::string zstd(std::string_view text) {
    std::string out(ZSTD_compressBound(text.size()), '\0');
    out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
    return out;
}

// Compresses, but not by more than 20 times.
std::string sample(size_t size = 20000) {
    std::mt19937 random(2);
    std::string text;
    while (text.size() < size) text += "item " + std::to_string(random() % 100000) + ", ";
    text.resize(size);
    return text;
}

struct Decoded {
    Result result;
    std::string text;
};
Decoded decode(std::string_view codings, std::string_view body, size_t limit = 1 << 20, size_t piece = SIZE_MAX) {
    std::vector<std::string_view> pieces;
    for (size_t at = 0; at < body.size(); at += std::min(piece, body.size())) pieces.push_back(body.substr(at, piece));
    Budget budget(64 << 20);
    ContentDecoder decoder(budget);
    Text out;
    const Result result = decoder.decode(codings, pieces, limit, out);
    return {result, std::string(out.view())};
}

const struct Codec {
    const char* name;
    std::string (*encode)(std::string_view);
} kCodecs[] = {{"gzip", gzip},   {"x-gzip", gzip}, {"GZip", gzip}, {"deflate", zlib},
               {"deflate", raw}, {"br", brotli},   {"zstd", zstd}};

TEST(ContentDecode, EachCodingWholeAndInPieces) {
    const std::string text = sample();
    for (const Codec& codec : kCodecs) {
        const std::string body = codec.encode(text);
        for (const size_t piece : {SIZE_MAX, size_t{2032}, size_t{7}}) {
            const Decoded decoded = decode(codec.name, body, 1 << 20, piece);
            EXPECT_EQ(decoded.result, Result::decoded) << codec.name;
            EXPECT_EQ(decoded.text, text) << codec.name << " by " << piece;
        }
    }
}

TEST(ContentDecode, ListsAreUndoneFromTheLast) {
    const std::string text = sample();
    EXPECT_EQ(decode("gzip, br", brotli(gzip(text))).text, text);
    EXPECT_EQ(decode(" br ,identity,, zstd", zstd(brotli(text))).text, text);
    EXPECT_EQ(decode("br, gzip", brotli(gzip(text))).result, Result::failed);
}

TEST(ContentDecode, WhatIsNoCodingIsLeft) {
    EXPECT_EQ(decode("identity", "abc").result, Result::plain);
    EXPECT_EQ(decode("", "abc").result, Result::plain);
    EXPECT_FALSE(has_content_coding(" identity , "));
    EXPECT_TRUE(has_content_coding("gzip"));
    EXPECT_TRUE(has_content_coding("aws-chunked"));
}

TEST(ContentDecode, WhatCannotBeUndoneFails) {
    EXPECT_EQ(decode("compress", "abc").result, Result::failed);
    EXPECT_EQ(decode("gzip, gzip, gzip, gzip, gzip", "abc").result, Result::failed);
    for (const Codec& codec : kCodecs) {
        EXPECT_EQ(decode(codec.name, "\xff\xff\xff\xff this is none of it").result, Result::failed) << codec.name;
        EXPECT_EQ(decode(codec.name, codec.encode("x").substr(0, 1)).result, Result::failed) << codec.name;
    }
    std::string body = gzip(sample());
    for (size_t i = body.size() / 2; i < body.size() / 2 + 20; ++i) body[i] = '\x55';
    EXPECT_EQ(decode("gzip", body).result, Result::failed);
}

// An incomplete message's body is a prefix; to a complete one it may be all there is.
TEST(ContentDecode, APrefixGivesAPrefix) {
    const std::string text = sample(200000);
    for (const Codec& codec : kCodecs) {
        const std::string body = codec.encode(text);
        const Decoded decoded = decode(codec.name, body.substr(0, body.size() * 3 / 4), 1 << 20, 2032);
        EXPECT_EQ(decoded.result, Result::cut) << codec.name;
        EXPECT_GT(decoded.text.size(), 0u) << codec.name;
        EXPECT_EQ(decoded.text, text.substr(0, decoded.text.size())) << codec.name;
    }
}

TEST(ContentDecode, TheResultIsBounded) {
    const std::string text = sample();
    for (const Codec& codec : kCodecs) {
        const std::string body = codec.encode(text);
        const Decoded exact = decode(codec.name, body, text.size());
        EXPECT_EQ(exact.result, Result::decoded) << codec.name;
        const Decoded cut = decode(codec.name, body, text.size() - 1);
        EXPECT_EQ(cut.result, Result::cut) << codec.name;
        EXPECT_EQ(cut.text, text.substr(0, text.size() - 1)) << codec.name;
    }
}

TEST(ContentDecode, TheWorkIsTwentyTimesTheBytesRead) {
    const std::string bomb(10 << 20, 'a');
    for (const Codec& codec : kCodecs) {
        const std::string body = codec.encode(bomb);
        const Decoded decoded = decode(codec.name, body, 100 << 20);
        EXPECT_EQ(decoded.result, Result::cut) << codec.name;
        EXPECT_EQ(decoded.text.size(), 20 * body.size()) << codec.name;
    }
    const std::string twice = gzip(gzip(bomb));
    EXPECT_LE(decode("gzip, gzip", twice, 100 << 20).text.size(), 20 * twice.size());
}

TEST(ContentDecode, MembersAndFramesMayFollowEachOther) {
    EXPECT_EQ(decode("gzip", gzip("one ") + gzip("two")).text, "one two");
    EXPECT_EQ(decode("gzip", gzip("one ") + gzip("two"), 100, 3).text, "one two");
    EXPECT_EQ(decode("zstd", zstd("one ") + zstd("two"), 100, 3).text, "one two");
    EXPECT_EQ(decode("gzip", gzip("one") + std::string(10, '\0')).text, "one");  // padding
    for (const char* junk : {"\x1f", "\x1f\x1f\x8b", "\x1f junk", "junk"})
        for (const size_t piece : {SIZE_MAX, size_t{1}}) {
            const Decoded decoded = decode("gzip", gzip("one") + gzip("") + junk, 100, piece);
            EXPECT_EQ(decoded.result, Result::decoded) << junk;
            EXPECT_EQ(decoded.text, "one") << junk;
        }
    EXPECT_EQ(decode("gzip", gzip("one") + "\x1f\x8b").result, Result::cut);
}

// As in a bare deflate stream, and in br, which have none: what a lenient reader sees is told.
TEST(ContentDecode, AWrongCheckValueDoesNotMatter) {
    std::string body = gzip("text"), bare = zlib("text");
    body[body.size() - 8] ^= 1;
    bare.back() ^= 1;
    EXPECT_EQ(decode("gzip", body).text, "text");
    EXPECT_EQ(decode("deflate", bare).text, "text");
}

TEST(ContentDecode, AnEmptyBodyMayBeCoded) {
    for (const Codec& codec : kCodecs) {
        const Decoded decoded = decode(codec.name, codec.encode(""));
        EXPECT_EQ(decoded.result, Result::decoded) << codec.name;
        EXPECT_EQ(decoded.text, "");
    }
}

TEST(ContentDecode, ADecoderIsUsedAgainAfterAFailure) {
    Budget budget(64 << 20);
    ContentDecoder decoder(budget);
    Text out;
    const std::string good = gzip("good"), other = zstd("other");
    for (int round = 0; round < 3; ++round) {
        const std::string_view bad = "\x1f\x8b\x08 bad", good_view = good, other_view = other;
        EXPECT_EQ(decoder.decode("gzip", {&bad, 1}, 100, out), Result::failed);
        EXPECT_EQ(decoder.decode("gzip", {&good_view, 1}, 100, out), Result::decoded);
        EXPECT_EQ(out.view(), "good");
        EXPECT_EQ(decoder.decode("zstd", {&other_view, 1}, 100, out), Result::decoded);
        EXPECT_EQ(out.view(), "other");
    }
}

// A window is as large as the peer likes: it counts as memory, and where there is none the body stays coded.
TEST(ContentDecode, WindowsAreWithinTheBudget) {
    const std::string plain = sample(3 << 20);
    for (const char* name : {"br", "zstd"}) {
        const std::string body = std::string_view(name) == "br" ? brotli(plain) : zstd(plain);
        const std::string_view view = body;
        for (const bool enough : {false, true}) {
            Budget budget(enough ? 64 << 20 : 1 << 20);
            {
                ContentDecoder decoder(budget);
                Text out;
                const Result result = decoder.decode(name, {&view, 1}, plain.size(), out);
                EXPECT_EQ(result, enough ? Result::decoded : Result::failed) << name;
                EXPECT_EQ(out.view() == plain, enough) << name;
                EXPECT_LE(budget.peak(), budget.limit()) << name;
                EXPECT_TRUE(!enough || budget.peak() >= 2 << 20) << name;  // the smaller window
            }
            EXPECT_EQ(budget.used(), 0u) << name;
        }
    }
}

TEST(ContentDecode, RandomBytesNeverPassTheBound) {
    std::mt19937 random(9);
    for (int round = 0; round < 5000; ++round) {
        const Codec& codec = kCodecs[random() % 7];
        std::string body = codec.encode(sample(500));
        for (int flips = 0; flips < 3; ++flips) body[random() % body.size()] ^= static_cast<char>(1 << random() % 8);
        EXPECT_LE(decode(codec.name, body, 700, 1 + random() % 100).text.size(), 700u);
    }
}

}  // namespace
}  // namespace sniffer
