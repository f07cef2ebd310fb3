#include "flow_table.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>

namespace sniffer {
namespace {

struct Flow {
    FlowKey key;
    uint64_t hash;
};

FlowKey key_of(uint32_t n) {
    uint8_t client[4] = {10, 0, static_cast<uint8_t>(n >> 8), static_cast<uint8_t>(n)};
    uint8_t server[4] = {192, 168, 0, 1};
    bool low_sent;
    return FlowKey::of({Address::v4(client), static_cast<uint16_t>(1024 + n % 1000)}, {Address::v4(server), 80},
                       low_sent);
}

TEST(FlowKey, IsTheSameForBothDirections) {
    uint8_t a[4] = {10, 0, 0, 1}, b[4] = {10, 0, 0, 2};
    bool first, second;
    Endpoint one{Address::v4(a), 1000}, two{Address::v4(b), 80};
    EXPECT_EQ(FlowKey::of(one, two, first), FlowKey::of(two, one, second));
    EXPECT_NE(first, second);
}

TEST(FlowTable, FindsWhatStaysAndNothingElse) {
    HashKey key{1, 2};
    FlowTable<Flow> table;
    std::vector<std::unique_ptr<Flow>> flows;
    for (uint32_t n = 0; n < 5000; ++n) {
        FlowKey flow = key_of(n);
        // Few different hashes: long probe sequences, so that erasing has to shift back.
        flows.push_back(std::make_unique<Flow>(Flow{flow, flow.hash(key) & 0x3ff}));
        table.insert(flows.back().get());
    }
    for (uint32_t n = 0; n < 5000; n += 3) table.erase(flows[n].get());
    for (uint32_t n = 0; n < 5000; ++n) {
        Flow* found = table.find(flows[n]->key, flows[n]->hash);
        EXPECT_EQ(found, n % 3 == 0 ? nullptr : flows[n].get()) << n;
    }
    EXPECT_EQ(table.size(), 5000u - 1667u);
}

TEST(SipHash, DependsOnEveryWordAndTheKey) {
    std::set<uint64_t> seen;
    for (uint64_t a = 0; a < 8; ++a)
        for (uint64_t b = 0; b < 8; ++b) {
            uint64_t words[2] = {a, b};
            seen.insert(sip_hash({1, 2}, words, 2));
            seen.insert(sip_hash({1, 3}, words, 2));
        }
    EXPECT_EQ(seen.size(), 128u);
}

TEST(ProductHash, DependsOnEveryWordAndTheKey) {
    std::set<uint64_t> seen;
    const ProductKey one{{0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb, 0xd6e8feb86659fd93,
                          0xa0761d6478bd642f, 0xe7037ed1a0b428db}};
    ProductKey other = one;
    ++other.words[5];
    for (uint64_t a = 1; a < 9; ++a)
        for (size_t place = 0; place < kMostProductWords; ++place) {
            uint64_t words[kMostProductWords] = {};
            words[place] = a << 32;
            seen.insert(product_hash(one, words, kMostProductWords));
            seen.insert(product_hash(other, words, kMostProductWords));
        }
    EXPECT_EQ(seen.size(), 2 * 8 * kMostProductWords);
}

TEST(FlowKey, ItsPlaceIsTheSameForBothDirectionsAndAnothersForOtherPorts) {
    const ProductKey key = ProductKey::random();
    std::set<uint64_t> places;
    for (const bool v6 : {false, true}) {
        Address a, b;
        a.bytes[15] = 1;
        b.bytes[15] = 2;
        const uint8_t one[4] = {10, 0, 0, 1}, two[4] = {10, 0, 0, 2};
        if (!v6) {
            a = Address::v4(one);
            b = Address::v4(two);
        }
        for (uint16_t port = 1000; port < 2000; ++port) {
            bool first;
            const uint64_t place = FlowKey::of({a, port}, {b, 80}, first).place(key);
            EXPECT_EQ(FlowKey::of({b, 80}, {a, port}, first).place(key), place);
            places.insert(place);
        }
    }
    EXPECT_EQ(places.size(), 2000u);
}

}  // namespace
}  // namespace sniffer
