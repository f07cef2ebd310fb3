#include <zlib.h>

#include "record_fixture.h"

namespace sniffer {
namespace {

class BodyOfRecord : public Record {};

TEST_F(BodyOfRecord, ABodyIsTextOrBase64) {
    message_.head_json = "\"headers\":{}";
    const std::string texts[] = {"ascii", "Grüße", std::string(5000, 'x') + "ü" + std::string(5000, '"'),
                                 std::string("\0\x01", 2)};
    for (const std::string& bytes : texts) {
        body(bytes);
        const Json object = record();
        EXPECT_EQ(text(object, "body"), bytes);
        EXPECT_FALSE(has(object, "bodyEncoding"));
        EXPECT_FALSE(has(object, "bodyTruncated"));
    }
    const std::string binaries[] = {"\xff", "ab\xc3", std::string(4000, 'x') + "\xff" + std::string(4000, 'y'),
                                    "\x1f\x8b\x08"};
    for (const std::string& bytes : binaries) {
        body(bytes);
        const Json object = record();
        EXPECT_EQ(text(object, "bodyEncoding"), "base64");
        EXPECT_EQ(unbase64(text(object, "body")), bytes);
    }
}

// A character on each side of a chunk's border.
TEST_F(BodyOfRecord, CharactersAcrossChunks) {
    message_.head_json = "\"headers\":{}";
    for (size_t before = Chunk::kRoom - 5; before <= Chunk::kRoom + 1; ++before) {
        const std::string bytes = std::string(before, 'x') + "\U0001F600" + std::string(100, 'y');
        body(bytes);
        EXPECT_EQ(text(record(), "body"), bytes);
        body(bytes.substr(0, before + 2));
        EXPECT_EQ(text(record(), "bodyEncoding"), "base64");  // complete, so it is no text
        message_.body_cut = true;
        const Json cut = record();
        EXPECT_EQ(text(cut, "body"), bytes.substr(0, before));
        EXPECT_TRUE(bool(cut["bodyTruncated"]));
        message_.body_cut = false;
    }
}

TEST_F(BodyOfRecord, AnEmptyBodyIsAbsent) {
    message_.head_json = "\"headers\":{}";
    body("");
    EXPECT_FALSE(has(record(), "body"));
    message_.incomplete = Incomplete::reset;
    body("\xc3");  // the first byte of a character, and no more came
    const Json object = record();
    EXPECT_FALSE(has(object, "body"));
    EXPECT_TRUE(bool(object["bodyTruncated"]));
    EXPECT_EQ(uint64_t(object["bodySize"]), 1u);
}

std::string gzip(std::string_view text) {
    z_stream stream{};
    deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
    std::string out(deflateBound(&stream, text.size()) + 64, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

TEST_F(BodyOfRecord, ContentCodingsAreUndoneWhereAskedFor) {
    message_.head_json = "\"headers\":{}";
    message_.content_encoding = "gzip";
    const std::string coded = gzip("decoded text, ü");
    body(coded);
    const Json raw = record();
    EXPECT_EQ(unbase64(text(raw, "body")), coded);
    EXPECT_FALSE(has(raw, "decodedSize"));

    config_.decode_body = true;
    const Json decoded = record();
    EXPECT_EQ(text(decoded, "body"), "decoded text, ü");
    EXPECT_EQ(uint64_t(decoded["decodedSize"]), 16u);
    EXPECT_TRUE(bool(decoded["contentDecoded"]));
    EXPECT_EQ(uint64_t(decoded["bodySize"]), coded.size());
    EXPECT_FALSE(has(decoded, "bodyTruncated"));

    config_.max_body = 15;  // the last character is cut in two
    const Json cut = record();
    EXPECT_EQ(text(cut, "body"), "decoded text, ");
    EXPECT_EQ(uint64_t(cut["decodedSize"]), 15u);
    EXPECT_TRUE(bool(cut["bodyTruncated"]));

    body("not gzip");
    const Json failed = record();
    EXPECT_EQ(text(failed, "body"), "not gzip");
    EXPECT_FALSE(has(failed, "decodedSize"));
}

TEST_F(BodyOfRecord, ABodyThatCannotBeSearchedIsWithheld) {
    message_.head_json = "\"headers\":{}";
    message_.content_type = "application/json";
    config_.redact_fields = {"password"};
    const std::string secret = "{\"password\":\"secret\"}";
    body(secret);
    EXPECT_EQ(text(record(), "body"), "{\"password\":\"[REDACTED]\"}");

    message_.content_encoding = "gzip";
    body(gzip(secret));
    const Json decoded = record();
    EXPECT_EQ(text(decoded, "body"), "{\"password\":\"[REDACTED]\"}");
    EXPECT_TRUE(bool(decoded["contentDecoded"]));
    body("not gzip");
    const Json withheld = record();
    EXPECT_FALSE(has(withheld, "body"));
    EXPECT_TRUE(bool(withheld["bodyRedacted"]));
    EXPECT_FALSE(has(withheld, "contentDecoded"));
}

}  // namespace
}  // namespace sniffer
