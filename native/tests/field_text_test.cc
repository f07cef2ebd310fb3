#include "field_text.h"

#include <gtest/gtest.h>

#include <string>

namespace sniffer {
namespace {

TEST(FieldText, TimesAndNumbers) {
    Timestamp timestamp;
    char out[40];
    const auto written = [&](Nanos time) { return std::string(out, timestamp.put(time, out)); };
    EXPECT_EQ(written(0), "1970-01-01T00:00:00.000000Z");
    EXPECT_EQ(written(951782399 * kSecond + 999999999), "2000-02-28T23:59:59.999999Z");
    EXPECT_EQ(written(951782400 * kSecond), "2000-02-29T00:00:00.000000Z");
    EXPECT_EQ(written(951782400 * kSecond + 123456789), "2000-02-29T00:00:00.123456Z");
    EXPECT_EQ(written(-1), "1969-12-31T23:59:59.999999Z");
    EXPECT_EQ(written(INT64_MAX), "2262-04-11T23:47:16.854775Z");
    const auto millis = [&](Nanos time) { return std::string(out, put_millis(time, out)); };
    EXPECT_EQ(millis(0), "0");
    EXPECT_EQ(millis(999), "0");
    EXPECT_EQ(millis(1000), "0.001");
    EXPECT_EQ(millis(250000), "0.25");
    EXPECT_EQ(millis(10 * kSecond + 500000), "10000.5");
    for (const uint64_t number : {0ull, 9ull, 10ull, 999ull, 1000ull, 1001ull, 65535ull, 999999ull, 1000000ull, ~0ull})
        EXPECT_EQ(std::string(out, put_number(number, out)), std::to_string(number));
}

}  // namespace
}  // namespace sniffer
