#include <gtest/gtest.h>

#include <vector>

#include "glob.h"
#include "record.h"

namespace sniffer {
namespace {

TEST(Glob, StarsCrossSlashesAndQuestionMarksAreOneByte) {
    const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {
        {"/health", "/health", true},
        {"/health", "/healthz", false},
        {"/health*", "/healthz", true},
        {"/a/*/c", "/a/b/d/c", true},
        {"/a/*/c", "/a/c", false},
        {"*", "", true},
        {"", "", true},
        {"", "a", false},
        {"?", "", false},
        {"/v?/x", "/v1/x", true},
        {"/v?/x", "/v12/x", false},
        {"*ab*ab", "abab", true},
        {"*ab*ab", "ab", false},
        {"a*b*c", "aXbYbZc", true},
        {"a*b*c", "aXbYbZ", false},
        {"**", "anything", true},
        {"/[a]", "/[a]", true},
        {"/Health", "/health", false},
    };
    for (const auto& c : cases) EXPECT_EQ(glob_matches(c.pattern, c.text), c.matches) << c.pattern << " on " << c.text;
}

TEST(Glob, ManyStarsStayCheap) {
    std::string pattern, text(60000, 'a');
    for (int i = 0; i < 50; ++i) pattern += "*a";
    EXPECT_FALSE(glob_matches(pattern + "b", text));
    EXPECT_TRUE(glob_matches(pattern, text));
}

bool excludes(ExcludeRule rule, std::string_view method, std::string_view target,
              std::vector<HeaderField> headers = {}) {
    Config config;
    config.exclude = {std::move(rule)};
    Head head;
    head.method = method;
    head.target = target;
    head.headers = headers;
    return excluded(config, head);
}

TEST(Exclude, ARuleMatchesByAllItsParts) {
    EXPECT_TRUE(excludes({"get", "", "", ""}, "GET", "/"));
    EXPECT_FALSE(excludes({"get", "", "", ""}, "POST", "/"));
    EXPECT_TRUE(excludes({"", "/health*", "", ""}, "GET", "/healthz?verbose"));
    EXPECT_FALSE(excludes({"", "/health", "", ""}, "GET", "/x?y=/health"));  // only the part before `?`
    EXPECT_TRUE(excludes({"GET", "/health", "", ""}, "GET", "/health?x"));
    EXPECT_FALSE(excludes({"POST", "/health", "", ""}, "GET", "/health"));
}

TEST(Exclude, AHeaderMatchesByNameAndGlob) {
    const std::vector<HeaderField> probe = {{"Host", "x"}, {"User-Agent", "curl/8"}, {"USER-AGENT", "kube-probe/1.29"}};
    EXPECT_TRUE(excludes({"", "", "user-agent", "kube-probe/*"}, "GET", "/", probe));
    EXPECT_FALSE(excludes({"", "", "user-agent", "wget*"}, "GET", "/", probe));
    EXPECT_FALSE(excludes({"", "", "x-other", "*"}, "GET", "/", probe));
    EXPECT_TRUE(excludes({"", "", "host", ""}, "GET", "/", probe));  // there, with whatever value
}

TEST(Exclude, NoRuleExcludesNothing) {
    Config config;
    EXPECT_FALSE(excluded(config, Head()));
}

}  // namespace
}  // namespace sniffer
