#include "redact.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <random>
#include <string>

#include "json_check.h"

namespace sniffer {
namespace {

Config config_of(std::vector<std::string> fields) {
    Config config;
    config.redact_headers = {"authorization", "cookie", "set-cookie"};
    config.redact_fields = std::move(fields);
    return config;
}

std::string body(std::string_view type, std::string_view text,
                 std::vector<std::string> fields = {"password", "token"}) {
    const Config config = config_of(std::move(fields));
    Text out;
    Redactor(config).body(type, text, out);
    return std::string(out.view());
}
std::string json(std::string_view text) { return body("application/json", text); }
std::string form(std::string_view text) { return body("application/x-www-form-urlencoded", text); }
std::string url(std::string_view text) {
    const Config config = config_of({"password", "token"});
    Text out;
    Redactor(config).url(text, out);
    return std::string(out.view());
}

TEST(Redact, Headers) {
    const Config config = config_of({});
    const Redactor redactor(config);
    EXPECT_TRUE(redactor.header("authorization"));
    EXPECT_TRUE(redactor.header("cookie"));
    EXPECT_FALSE(redactor.header("cookies"));
    EXPECT_FALSE(redactor.header("accept"));
    EXPECT_FALSE(redactor.header(""));
    EXPECT_FALSE(redactor.has_fields());
}

TEST(Redact, JsonValuesOfEveryType) {
    EXPECT_EQ(json(R"({"user":"a","password":"b"})"), R"({"user":"a","password":"[REDACTED]"})");
    EXPECT_EQ(json(R"({"password":12.5e3,"x":1})"), R"({"password":"[REDACTED]","x":1})");
    EXPECT_EQ(json(R"({"password":null})"), R"({"password":"[REDACTED]"})");
    EXPECT_EQ(json(R"({"password":{"a":["}",{"b":"\"}"}]},"x":1})"), R"({"password":"[REDACTED]","x":1})");
    EXPECT_EQ(json(R"({"password" : [1,[2],"]"] ,"x":1})"), R"({"password" : "[REDACTED]" ,"x":1})");
    EXPECT_EQ(json(R"({"password":"a\"b\\","x":1})"), R"({"password":"[REDACTED]","x":1})");
}

TEST(Redact, JsonAtAnyDepthAndInAnyCase) {
    EXPECT_EQ(json(R"([{"a":{"b":[{"Password":"x"}]}}])"), R"([{"a":{"b":[{"Password":"[REDACTED]"}]}}])");
    EXPECT_EQ(json("{\"a\":1}\n{\"token\":\"x\"}\n"), "{\"a\":1}\n{\"token\":\"[REDACTED]\"}\n");
}

TEST(Redact, JsonKeysSpelledWithEscapes) {
    EXPECT_EQ(json(R"({"p\u0061ssword":"x"})"), R"({"p\u0061ssword":"[REDACTED]"})");
    EXPECT_EQ(json(R"({"\u0050\u0041SSWORD":"x"})"), R"({"\u0050\u0041SSWORD":"[REDACTED]"})");
    EXPECT_EQ(body("application/json", R"({"a\/b":1})", {"a/b"}), R"({"a\/b":"[REDACTED]"})");
    EXPECT_EQ(body("application/json", R"({"\ud83d\ude00":1,"\u00e9":2})", {"😀", "é"}),
              R"({"\ud83d\ude00":"[REDACTED]","\u00e9":"[REDACTED]"})");
}

TEST(Redact, JsonValuesThatOnlyMentionTheNameStay) {
    const std::string text = R"({"a":"password","b":["token","password"],"passwords":1,"c":"\"password\":\"x"})";
    EXPECT_EQ(json(text), text);
}

TEST(Redact, JsonThatIsCutShowsNothingOfTheValue) {
    const std::string text = R"({"a":1,"password":{"x":["secret"]},"b":"c"})";
    for (size_t size = 0; size <= text.size(); ++size)
        EXPECT_EQ(json(text.substr(0, size)).find("secr"), std::string::npos) << size;
    EXPECT_EQ(json(R"({"password":"sec)"), R"({"password":"[REDACTED]")");
    EXPECT_EQ(json(R"({"password":)"), R"({"password":)");
}

TEST(Redact, ABrokenLineDoesNotTurnTheNextInsideOut) {
    EXPECT_EQ(json("{\"a\": x\"}\n{\"password\":\"x\"}"), "{\"a\": x\"}\n{\"password\":\"[REDACTED]\"}");
}

TEST(Redact, JsonUnderOtherTypes) {
    for (const char* type :
         {"", "text/plain", "application/x-www-form-urlencoded", "application/vnd.api+json; charset=utf-8"})
        EXPECT_EQ(body(type, " {\"token\":1}"), " {\"token\":\"[REDACTED]\"}") << type;
    EXPECT_EQ(body("text/event-stream", "data: {\"token\":1}\n\n"), "data: {\"token\":\"[REDACTED]\"}\n\n");
}

TEST(Redact, Forms) {
    EXPECT_EQ(form("a=b&password=x%26y&c=d"), "a=b&password=[REDACTED]&c=d");
    EXPECT_EQ(form("password=x"), "password=[REDACTED]");
    EXPECT_EQ(form("pass%77ord=x&TOKEN=y"), "pass%77ord=[REDACTED]&TOKEN=[REDACTED]");
    EXPECT_EQ(form("user[password]=x&token[]=y&user%5Btoken%5D=z"),
              "user[password]=[REDACTED]&token[]=[REDACTED]&user%5Btoken%5D=[REDACTED]");
    EXPECT_EQ(form("password=x;y&a=1;token=z"), "password=[REDACTED]&a=1;token=[REDACTED]");
    EXPECT_EQ(form("passwords=x&password&password="), "passwords=x&password&password=");
    EXPECT_EQ(body("", "password=x"), "password=[REDACTED]");
    EXPECT_EQ(form("a=1& password=x&+token=y"), "a=1& password=[REDACTED]&+token=[REDACTED]");
    EXPECT_EQ(form("[x]=1&password=y"), "[x]=1&password=[REDACTED]");
    EXPECT_EQ(form("[\"&password=x&\",{\"token\":1}]"), "[\"&password=[REDACTED]&\",{\"token\":\"[REDACTED]\"}]");
}

// Each search reads the text as it was sent: what the other finds takes no key from it, and no end of a value.
TEST(Redact, WhatIsFormAndJsonIsSearchedAsBoth) {
    EXPECT_EQ(form(R"({"url":"/cb?x=1&token=abc","password":"p&s3cret"})"), R"({"url":"/cb?x=1&token=[REDACTED]})");
    EXPECT_EQ(form(R"({"token":"x&password=1","a":"s3&b"})"), R"({"token":"[REDACTED]"&b"})");
    EXPECT_EQ(form(R"({"token":"x&y","a":"&password=s3&","password":"z"})"),
              R"({"token":"[REDACTED]","a":"&password=[REDACTED]&","password":"[REDACTED]"})");
    EXPECT_EQ(body("", R"(["&token=",{"password":"a&b"},"s3&","c"])"), R"(["&token=[REDACTED]},"s3&","c"])");
    const std::string head =
        "--XX\r\nContent-Disposition: form-data; name=a\r\nContent-Type: "
        "application/x-www-form-urlencoded\r\n\r\n";
    EXPECT_EQ(body("multipart/form-data; boundary=XX", head + R"(["&token=1","password":"p&s3"])" + "\r\n--XX--"),
              head + R"(["&token=[REDACTED]])" + "\r\n--XX--");
}

TEST(Redact, Urls) {
    EXPECT_EQ(url("/a?token=x&b=1"), "/a?token=[REDACTED]&b=1");
    EXPECT_EQ(url("https://h/a?b=1&token=x#token=y"), "https://h/a?b=1&token=[REDACTED]");
    EXPECT_EQ(url("/a?b=x#token=y&c"), "/a?b=x#token=[REDACTED]&c");
    EXPECT_EQ(url("/cb#token=x&state=1"), "/cb#token=[REDACTED]&state=1");
    EXPECT_EQ(url("/go?to=/x?token=y"), "/go?to=/x?token=[REDACTED]");
    EXPECT_EQ(url("/token=x/password=y"), "/token=x/password=y");  // no parameters
    EXPECT_EQ(url("/a?"), "/a?");
}

// Names that go by more than one reading; in URLs too, where a form's control characters withhold nothing.
TEST(Redact, NamesThatReadersTakeForOthers) {
    for (const char* name :
         {"user.password",   "form:password",      "a['password']", "Input.Password", "a[b.password]",
          "password[",       "password]",          "]password",     "[]password[]",   "a[password];x",
          "password[a;b]",   "a;password",         "+password+[]",  "password%00x",   "a[password%00]",
          "a[password%3Bx]", "pa%C5%BF%c5%bfword", "pa\u017fsword", "a.to\u212aen",   "to%E2%84%AAen"}) {
        EXPECT_EQ(form("a=b&" + std::string(name) + "=s3&c=d"), "a=b&" + std::string(name) + "=[REDACTED]&c=d");
        EXPECT_EQ(url("/a?" + std::string(name) + "=s3&c=d"), "/a?" + std::string(name) + "=[REDACTED]&c=d");
        EXPECT_EQ(url("/a#b=c&" + std::string(name) + "=s3"), "/a#b=c&" + std::string(name) + "=[REDACTED]");
    }
    for (const char* name : {"a[password]\r\n", "password[\n]", "a[\r\npassword", "a=1\r\npassword"})
        EXPECT_EQ(form(std::string(name) + "=s3;x\r\ny"), std::string(name) + "=[REDACTED]");
    for (const char* name : {"a[password]?b", "a[password]#b", "password[?]", "a#password", "a?b=1#password"})
        EXPECT_EQ(url("/a?" + std::string(name) + "=s3?#;x"), "/a?" + std::string(name) + "=[REDACTED]");
    for (const char* name : {"passwords", "my_password", "password_", "a[passwords]", "a.passwords", "%C5%BFpassword"})
        EXPECT_EQ(form(std::string(name) + "=1"), std::string(name) + "=1");
}

TEST(Redact, UnderscoresThatPhpMakes) {
    for (const char* name : {"api.key", "api+key", "api%20key", "API_KEY", "api[key", "a[api.key]", "api key[0]"})
        EXPECT_EQ(body("application/x-www-form-urlencoded", std::string(name) + "=s3", {"api_key"}),
                  std::string(name) + "=[REDACTED]");
    EXPECT_EQ(body("application/x-www-form-urlencoded", "a.b=1&x[a.b]=2&a_b=3", {"a.b"}),
              "a.b=[REDACTED]&x[a.b]=[REDACTED]&a_b=3");
    EXPECT_EQ(body("multipart/form-data; boundary=b",
                   "--b\r\nContent-Disposition: form-data; name=\"user.password\"\r\n\r\ns3\r\n--b--"),
              "--b\r\nContent-Disposition: form-data; name=\"user.password\"\r\n\r\n[REDACTED]\r\n--b--");
}

TEST(Redact, JsonKeysThatGoTakesForTheName) {
    EXPECT_EQ(json("{\"pa\u017f\u017fword\":\"s3\"}"), "{\"pa\u017f\u017fword\":\"[REDACTED]\"}");
    EXPECT_EQ(json(R"({"to\u212aen":1,"\u017fa":2})"), R"({"to\u212aen":"[REDACTED]","\u017fa":2})");
}

constexpr const char* kMultipart = "multipart/form-data; boundary=\"XX\"";

TEST(Redact, MultipartFields) {
    const std::string text =
        "--XX\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nme\r\n"
        "--XX\r\ncontent-disposition: form-data; filename=\"f\"; name=\"password\"\r\nContent-Type: "
        "text/plain\r\n\r\nse\r\ncret\r\n"
        "--XX\r\nContent-Disposition: form-data; name=meta\r\n\r\n{\"token\":\"secret\"}\r\n--XX--\r\n";
    EXPECT_EQ(body(kMultipart, text),
              "--XX\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nme\r\n"
              "--XX\r\ncontent-disposition: form-data; filename=\"f\"; name=\"password\"\r\nContent-Type: "
              "text/plain\r\n\r\n[REDACTED]\r\n"
              "--XX\r\nContent-Disposition: form-data; name=meta\r\n\r\n{\"token\":\"[REDACTED]\"}\r\n--XX--\r\n");
    for (size_t size = 0; size < text.size(); ++size) {
        const std::string cut = body(kMultipart, text.substr(0, size));
        EXPECT_EQ(cut.find("cret"), std::string::npos) << size;
    }
    EXPECT_EQ(body("multipart/form-data", text), body(kMultipart, text));  // the boundary is not said
}

// RFC 2046 section 5.1.1: behind the boundary a delimiter's line ends.
TEST(Redact, MultipartDelimitersAreWholeLines) {
    const std::string head = "--XX\r\nContent-Disposition: form-data; name=password\r\n\r\n";
    for (const char* content : {"se\r\n--XXx\r\n\r\ncret", "se\r\n--XX-\r\n\r\ncret", "se--XX\r\n\r\ncret"})
        EXPECT_EQ(body(kMultipart, head + content + "\r\n--XX--"), head + "[REDACTED]\r\n--XX--") << content;
    for (const char* end : {"--XX", "--XX\n", "--XX \t\r\n", "--XX-- "})
        EXPECT_EQ(body(kMultipart, head + "secret\r\n" + end), head + "[REDACTED]\r\n" + end) << end;
}

// Whatever the bytes: the search ends, and a valid document stays valid.
TEST(Redact, RandomDocuments) {
    std::mt19937 random(11);
    const std::string alphabet = "{}[]\":,\\ \npasswordtoken&=%?#;-XX\r0u";
    for (int round = 0; round < 20000; ++round) {
        std::string text(random() % 80, '\0');
        for (char& c : text) c = alphabet[random() % alphabet.size()];
        if (round % 4 == 0) text = "{\"password\":" + text;
        const std::string out = body(round % 3 == 0 ? kMultipart : round % 3 == 1 ? "application/json" : "", text);
        simdjson::dom::parser before, after;
        if (round % 3 == 1 && before.parse(text).error() == simdjson::SUCCESS) {
            ASSERT_EQ(after.parse(out).error(), simdjson::SUCCESS) << text << "\n" << out;
        }
        url(text);
    }
}

}  // namespace
TEST(IsJson, TellsJsonFromWhatIsNot) {
    for (const char* text :
         {"1", "-0.5e+3", "\"a\\u00e9\\n\"", "[]", "{}", "[[],{}]", "{\"a\":[1,{\"b\":null}],\"c\":true}", " [1 , 2]\n",
          "1\n2", "\xef\xbb\xbf{}", "{\"\xc3\xa9\":\"\xe9\"}"})
        EXPECT_TRUE(is_json(text)) << text;
    for (const char* text : {"",
                             " ",
                             "{",
                             "[1",
                             "[1,]",
                             "{\"a\"}",
                             "{\"a\":}",
                             "{\"a\":1,}",
                             "{a:1}",
                             "'a'",
                             "01",
                             "1.",
                             "1e",
                             "-",
                             "tru",
                             "\"a",
                             "\"\\x\"",
                             "\"\\u12g4\"",
                             "\"\n\"",
                             "[1 2]",
                             "]",
                             "{}}",
                             "[1}",
                             "{]",
                             "{\"\xc1\xa1\":1}",
                             "{\"\xe9\":1}"})
        EXPECT_FALSE(is_json(text)) << text;
}

TEST(IsJson, DepthIsBounded) {
    EXPECT_TRUE(is_json(std::string(512, '[') + std::string(512, ']')));
    EXPECT_FALSE(is_json(std::string(513, '[') + std::string(513, ']')));
    EXPECT_FALSE(is_json(std::string(1 << 20, '[')));
}

}  // namespace sniffer
