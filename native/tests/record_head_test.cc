#include <random>

#include "record_fixture.h"

namespace sniffer {
namespace {

class HeadOfRecord : public Record {};

TEST_F(HeadOfRecord, HeadersThatAreNotUtf8AreLatin1) {
    const std::vector<HeaderField> headers = {{"a", "caf\xe9"}, {"b", "caf\xc3\xa9"}};
    const Json object = head_object(request("/\xff", headers));
    EXPECT_EQ(text(object, "path"), "/ÿ");
    EXPECT_EQ(text(object["headers"].value(), "a"), "café");
    EXPECT_EQ(text(object["headers"].value(), "b"), "café");
    EXPECT_EQ(text(object, "headEncoding"), "latin1");
    EXPECT_FALSE(has(head_object(request("/", {{"b", "caf\xc3\xa9"}})), "headEncoding"));
}

TEST_F(HeadOfRecord, NamesInTwoEncodingsAreOne) {
    std::vector<std::string> names;
    for (int c = 0x80; c <= 0xff; ++c) {
        names.push_back("X-" + std::string(20, static_cast<char>(c)));
        names.push_back("x-");
        for (int i = 0; i < 20; ++i)
            (names.back() += static_cast<char>(0xc0 | c >> 6)) += static_cast<char>(0x80 | (c & 0x3f));
    }
    std::vector<HeaderField> headers;
    for (const std::string& name : names) headers.push_back({name, "v"});
    const Json object = head_object(request("/", headers));
    EXPECT_EQ(text(object, "headEncoding"), "latin1");
    size_t fields = 0;
    for (const auto field : simdjson::dom::object(object["headers"])) {
        ++fields;
        EXPECT_EQ(simdjson::dom::array(field.value).size(), 2u) << field.key;
    }
    EXPECT_EQ(fields, 128u);
}

TEST_F(HeadOfRecord, ManyHeadersOfManyNames) {
    std::vector<std::string> names;
    for (int i = 0; i < 30000; ++i) names.push_back(i % 3 == 0 ? "X-Same" : "N" + std::to_string(i % 20000));
    std::vector<HeaderField> headers;
    for (const std::string& name : names) headers.push_back({name, name});
    const Json object = head_object(request("/", headers), 8 << 20);
    EXPECT_TRUE(whole_);
    size_t values = 0;
    for (const auto field : simdjson::dom::object(object["headers"]))
        values += field.value.is_array() ? simdjson::dom::array(field.value).size() : 1;
    EXPECT_EQ(values, headers.size());
    EXPECT_EQ(simdjson::dom::array(object["headers"]["x-same"]).size(), 10000u);
}

TEST_F(HeadOfRecord, ManyHeadersWithoutAName) {
    const std::vector<HeaderField> headers(40, {{}, "v"});
    const Json object = head_object(request("/", headers));
    EXPECT_EQ(simdjson::dom::array(object["headers"][""]).size(), 40u);
}

// Few and many headers take different ways; both give the same.
TEST_F(HeadOfRecord, HeadersInOrderWithRepeatsAtTheFirst) {
    std::mt19937 random(1);
    const char* pool[] = {
        "a", "B", "c-long-name-of-16", "Content-Type", "X-\"quoted\"", "b", "é", "A", "x-1", "x-2", "x-3", "Cookie"};
    for (int round = 0; round < 300; ++round) {
        std::vector<HeaderField> headers;
        std::vector<std::pair<std::string, std::vector<std::string>>> expected;
        const size_t count = random() % 50;
        for (size_t i = 0; i < count; ++i) {
            const char* name = pool[random() % (round % 2 ? 12 : 4)];
            const char* value = round % 5 ? "v" : "a \"quoted\" and longer value";
            headers.push_back({name, value});
            std::string lower;
            for (const char* c = name; *c; ++c) lower += static_cast<char>(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
            auto known =
                std::find_if(expected.begin(), expected.end(), [&](const auto& e) { return e.first == lower; });
            if (known == expected.end()) known = expected.insert(expected.end(), {lower, {}});
            known->second.push_back(lower == "cookie" ? "[REDACTED]" : value);
        }
        const Json object = head_object(request("/", headers));
        ASSERT_TRUE(whole_);
        size_t i = 0;
        for (const auto field : simdjson::dom::object(object["headers"])) {
            ASSERT_EQ(field.key, expected[i].first);
            ASSERT_EQ(field.value.is_array(), expected[i].second.size() > 1);
            if (!field.value.is_array()) {
                ASSERT_EQ(std::string_view(field.value), expected[i].second[0]);
            } else {
                size_t j = 0;
                for (const Json value : simdjson::dom::array(field.value))
                    ASSERT_EQ(std::string_view(value), expected[i].second[j++]);
            }
            ++i;
        }
        ASSERT_EQ(i, expected.size());
    }
}

TEST_F(HeadOfRecord, AHeadKeepsItsLimit) {
    const std::vector<HeaderField> headers = {
        {"One", "1"}, {"Two", "\"2\""}, {"one", "again"}, {"Three", std::string_view("grün")}};
    Head value = request("/some/päth?with=query", headers);
    const size_t whole = head(value).size();
    size_t last = 0;
    for (size_t limit = 128; limit < whole + 100; ++limit) {
        const Json object = head_object(value, limit);
        EXPECT_EQ(text(object, "method"), "GET");
        const size_t count = simdjson::dom::object(object["headers"]).size();
        EXPECT_GE(count, last) << "more room, fewer headers";
        last = count;
        EXPECT_EQ(whole_, line_.size() == whole + 2);
    }
    EXPECT_TRUE(whole_);
    const std::string target = "/" + std::string(2000, 'x');
    for (size_t limit = 128; limit < 300; ++limit) {
        const Json object = head_object(request(target, headers), limit);
        EXPECT_FALSE(whole_);
        EXPECT_TRUE(target.starts_with(text(object, "path")));
        EXPECT_EQ(simdjson::dom::object(object["headers"]).size(), 0u);
    }
}

TEST_F(HeadOfRecord, UrlsAreRedactedWhereverTheyStand) {
    config_.redact_fields = {"token"};
    const std::vector<HeaderField> headers = {
        {"Referer", "http://h/?token=x"}, {"Location", "/#token=x"}, {"Via", "?token=x"}};
    const Json object = head_object(request("/a?token=x&b=1", headers));
    EXPECT_EQ(text(object, "path"), "/a?token=[REDACTED]&b=1");
    EXPECT_EQ(text(object["headers"].value(), "referer"), "http://h/?token=[REDACTED]");
    EXPECT_EQ(text(object["headers"].value(), "location"), "/#token=[REDACTED]");
    EXPECT_EQ(text(object["headers"].value(), "via"), "?token=[REDACTED]");
    Text reference;
    RecordEncoder(config_).encode_request_reference(request("/a?token=x", {}), {}, 1000, reference);
    EXPECT_EQ(reference.view(), "\"request\":{\"method\":\"GET\",\"path\":\"/a?token=[REDACTED]\"}");
}

}  // namespace
}  // namespace sniffer
