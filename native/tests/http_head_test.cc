#include "http_head.h"

#include <gtest/gtest.h>

#include "http_body.h"

namespace sniffer {
namespace {

ParsedHead parse(std::string_view raw, bool request, HeadScratch& scratch) {
    ParsedHead head;
    parse_head({raw, raw.size()}, request, scratch, head);
    return head;
}

struct StartLine {
    std::string_view line, method, target, version;
    bool valid;
};

TEST(RequestLine, IsReadAsItWasSent) {
    for (const StartLine& c : std::initializer_list<StartLine>{
             {"GET / HTTP/1.1\r\n\r\n", "GET", "/", "1.1", true},
             {"brew /pot HTTP/1.1\r\n\r\n", "brew", "/pot", "1.1", true},  // an unknown method
             {"GET  /a b  HTTP/1.0\n\n", "GET", "/a b", "1.0", true},      // spaces, bare LF
             {"OPTIONS * HTTP/1.1\r\n\r\n", "OPTIONS", "*", "1.1", true},
             {"GET /\xff\xfe HTTP/1.1\r\n\r\n", "GET", "/\xff\xfe", "1.1", true},
             {"GET /old\r\n", "GET", "/old", "0.9", true},  // HTTP/0.9
             {"EHLO mail.example\r\n", "", "", "", false},
             {"PRI * HTTP/2.0\r\n\r\n", "", "", "", false},
             {"DESCRIBE rtsp://x/ RTSP/1.0\r\n\r\n", "", "", "", false},
             {"OPTIONS rtsp://x/ RTSP/1.0\r\n\r\n", "", "", "", false},
             {"\x16\x03\x01", "", "", "", false},
         }) {
        HeadScratch scratch;
        ParsedHead head = parse(c.line, true, scratch);
        EXPECT_EQ(head.valid, c.valid) << c.line;
        if (!c.valid) continue;
        EXPECT_EQ(head.head.method, c.method) << c.line;
        EXPECT_EQ(head.head.target, c.target) << c.line;
        EXPECT_EQ(head.head.version, c.version) << c.line;
    }
}

TEST(StatusLine, IsReadAsItWasSent) {
    HeadScratch scratch;
    ParsedHead head = parse("HTTP/1.1 404  Not  Found \r\n\r\n", false, scratch);
    EXPECT_TRUE(head.valid);
    EXPECT_EQ(head.head.status, 404);
    EXPECT_EQ(head.head.reason, "Not  Found");
    EXPECT_TRUE(parse("HTTP/1.0 200\n\n", false, scratch).valid);
    EXPECT_FALSE(parse("HTTP/1.0 2000 OK\n\n", false, scratch).valid);
    EXPECT_FALSE(parse("HTTP/1.1\n\n", false, scratch).valid);
}

TEST(Fields, FoldedRepeatedAndOddLines) {
    HeadScratch scratch;
    ParsedHead head = parse(
        "GET / HTTP/1.1\r\nA: one\r\n two\r\n\t three\r\nno colon\r\nB :  b \r\nA:\r\nC:\r\n c\r\n\r\n", true, scratch);
    ASSERT_EQ(head.head.headers.size(), 5u);
    EXPECT_EQ(head.head.headers[0].value, "one two three");
    EXPECT_EQ(head.head.headers[1].name, "no colon");
    EXPECT_EQ(head.head.headers[2].name, "B");
    EXPECT_EQ(head.head.headers[2].value, "b");
    EXPECT_EQ(head.head.headers[3].value, "");
    EXPECT_EQ(head.head.headers[4].value, "c");
}

TEST(HeadScanner, FindsTheEmptyLineHoweverItIsCut) {
    const std::string head = "GET / HTTP/1.1\r\nA: b\n\r\n";
    for (size_t cut = 0; cut <= head.size(); ++cut) {
        HeadScanner scanner;
        size_t first = scanner.feed(head.data(), cut);
        size_t second = first == HeadScanner::npos ? scanner.feed(head.data() + cut, head.size() - cut) : 0;
        EXPECT_TRUE(first == head.size() || second == head.size() - cut) << cut;
    }
    HeadScanner scanner;
    EXPECT_EQ(scanner.feed("\r\r\n", 3), HeadScanner::npos);
}

TEST(HeadBuffer, KeepsTheFramingOfAHeadOverTheLimit) {
    std::string head = "POST / HTTP/1.1\r\n";
    for (int i = 0; i < 100; ++i) head += "X-" + std::to_string(i) + ": value\r\n";
    head += "Content-Length: 7\r\nTransfer-Encoding: gzip, chunked\r\n\r\n";
    for (size_t piece : {size_t{1}, size_t{7}, head.size()}) {
        HeadBuffer buffer;
        for (size_t at = 0; at < head.size(); at += piece) buffer.append(std::string_view(head).substr(at, piece), 100);
        HeadScratch scratch;
        ParsedHead parsed;
        parse_head(buffer.raw(), true, scratch, parsed);
        EXPECT_TRUE(parsed.valid);
        EXPECT_TRUE(buffer.over_limit());
        EXPECT_EQ(parsed.framing.length, 7u);
        EXPECT_TRUE(parsed.framing.chunked_last);
        EXPECT_EQ(parsed.head.headers.size(), 6u);  // those whose line ends within the limit
        EXPECT_LE(buffer.raw().kept, 100u);
    }
}

TEST(HeadBuffer, CutsAStartLineOverTheLimit) {
    HeadBuffer buffer;
    std::string head = "GET /" + std::string(500, 'a') + " HTTP/1.1\r\nContent-Length: 3\r\n\r\n";
    for (char c : head) buffer.append({&c, 1}, 64);
    HeadScratch scratch;
    ParsedHead parsed;
    parse_head(buffer.raw(), true, scratch, parsed);
    EXPECT_TRUE(parsed.valid);
    EXPECT_EQ(parsed.head.target, "/" + std::string(59, 'a'));
    EXPECT_EQ(parsed.framing.length, 3u);
}

Framing response(std::string_view fields, int status = 200, RequestKind request = {}) {
    HeadScratch scratch;
    std::string raw = "HTTP/1.1 " + std::to_string(status) + " X\r\n" + std::string(fields) + "\r\n";
    return response_framing(parse(raw, false, scratch), request);
}

using Kind = Framing::Kind;

// RFC 9112 section 6.3, rule by rule.
TEST(Framing, FollowsTheRules) {
    EXPECT_EQ(response("Content-Length: 5\r\n", 200, {true, false}).kind, Kind::none);
    for (int status : {100, 103, 204, 304}) EXPECT_EQ(response("Content-Length: 5\r\n", status).kind, Kind::none);
    EXPECT_EQ(response("Content-Length: 5\r\n", 200, {false, true}).kind, Kind::tunnel);
    EXPECT_EQ(response("Content-Length: 5\r\n", 404, {false, true}).kind, Kind::length);
    EXPECT_EQ(response("", 101).kind, Kind::tunnel);
    Framing both = response("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n");
    EXPECT_EQ(both.kind, Kind::chunked);
    EXPECT_TRUE(both.ambiguous);
    Framing unfinished = response("Transfer-Encoding: chunked, gzip\r\n");
    EXPECT_EQ(unfinished.kind, Kind::until_close);
    EXPECT_TRUE(unfinished.ambiguous);
    EXPECT_FALSE(response("Content-Length: 5\r\ncontent-length: 5, 5\r\n").ambiguous);
    for (const char* bad :
         {"Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: +5\r\n", "Content-Length: 0x5\r\n",
          "Content-Length: \r\n", "Content-Length: 99999999999999999999\r\n"}) {
        EXPECT_EQ(response(bad).kind, Kind::until_close) << bad;
        EXPECT_TRUE(response(bad).ambiguous) << bad;
    }
    EXPECT_EQ(response("").kind, Kind::until_close);
    EXPECT_EQ(response("Content-Length: 0\r\n").kind, Kind::none);
    HeadScratch scratch;
    EXPECT_EQ(request_framing(parse("GET / HTTP/1.1\r\n\r\n", true, scratch)).kind, Kind::none);
}

std::string unchunk(std::string_view coded, size_t piece, bool& broken, size_t& used) {
    BodyReader body;
    body.start({Kind::chunked, 0, false});
    std::string content;
    used = 0;
    broken = false;
    for (size_t at = 0; at < coded.size() && !body.done(); at += piece) {
        std::string_view part = coded.substr(at, piece);
        while (!part.empty() && !body.done()) {
            auto [step, bytes] = body.next(part);
            if (step == BodyReader::Step::broken) {
                broken = true;
                return content;
            }
            if (step == BodyReader::Step::content) content.append(part.substr(0, bytes));
            used += bytes;
            part.remove_prefix(bytes);
        }
    }
    return content;
}

TEST(Chunked, IsReadHoweverItIsCut) {
    std::string_view coded = "5;name=\"v\"\r\nhello\r\n00006 \nworld!\n0\r\n";
    for (size_t piece = 1; piece <= coded.size(); ++piece) {
        bool broken;
        size_t used;
        EXPECT_EQ(unchunk(coded, piece, broken, used), "helloworld!") << piece;
        EXPECT_FALSE(broken);
        EXPECT_EQ(used, coded.size());
    }
}

TEST(Chunked, SaysWhereItIsBroken) {
    for (std::string_view coded : {"xyz\r\n", "\r\n", "5\r\nhelloX", "fffffffffffffffff\r\n"}) {
        bool broken;
        size_t used;
        unchunk(coded, coded.size(), broken, used);
        EXPECT_TRUE(broken) << coded;
    }
}

TEST(Chunked, SkipsAGapInsideAChunkOnly) {
    BodyReader body;
    body.start({Kind::chunked, 0, false});
    body.next("a\r\n");
    body.next("\r\n");
    EXPECT_TRUE(body.skip(4));
    EXPECT_FALSE(body.skip(7));
    EXPECT_TRUE(body.skip(6));
    EXPECT_FALSE(body.skip(1));
}

}  // namespace
}  // namespace sniffer
