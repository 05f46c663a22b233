#include "producer/bootstrap.h"

#include <gtest/gtest.h>

#include <functional>

namespace spillway {
namespace {

using namespace std::chrono_literals;

TEST(Bootstrap, TakesNamesAddressesAndPorts) {
  const struct {
    const char* text;
    std::vector<Endpoint> endpoints;
  } cases[] = {
      {"localhost", {{"localhost", 9092}}},
      {"localhost:1", {{"localhost", 1}}},
      {"a:65535,b", {{"a", 65535}, {"b", 9092}}},
      {"[::1]:9093", {{"::1", 9093}}},
      {"[::1]", {{"::1", 9092}}},
      {"10.0.0.1:9092,[fe80::1]:1", {{"10.0.0.1", 9092}, {"fe80::1", 1}}},
  };
  for (const auto& each : cases) {
    const auto parsed = parse_bootstrap(each.text);
    ASSERT_TRUE(parsed) << each.text << ": " << parsed.error().message();
    EXPECT_EQ(parsed.value(), each.endpoints) << each.text;
  }
}

TEST(Bootstrap, NamesThePartThatIsWrong) {
  for (const char* text : {"",       ",",     "a,",         ",a",    "a:",
                           ":1",     "a:0",   "a:65536",    "a:-1",  "a:1x",
                           "a: 1",   "a b:1", "::1",        "[::1",  "[::1]1",
                           "[::1]:", "[]:1",  "http://a:1", "a:1:2", "a:99999999999999999999"}) {
    const auto parsed = parse_bootstrap(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.code(), ErrorCode::InvalidOption) << text;
    EXPECT_NE(parsed.error().message().find("bootstrap"), std::string::npos) << text;
  }
}

TEST(CheckOptions, AcceptsTheDefaults) {
  EXPECT_TRUE(check_options(Options{}));
}

TEST(CheckOptions, NamesTheOptionThatIsWrong) {
  using Change = std::function<void(Options&)>;
  static constexpr auto kMax = std::chrono::milliseconds::max();
  const std::pair<const char*, Change> cases[] = {
      {"client_id", [](Options& o) { o.client_id = std::string(256, 'x'); }},
      {"acks", [](Options& o) { o.acks = Acks::Leader; }},
      {"in_flight_max", [](Options& o) { o.in_flight_max = 0; }},
      {"in_flight_max", [](Options& o) { o.in_flight_max = 6; }},
      {"in_flight_max", [](Options& o) { o.idempotence = false, o.in_flight_max = 13; }},
      {"linger", [](Options& o) { o.linger = -1ms; }},
      {"linger", [](Options& o) { o.linger = 16min; }},
      {"block_deadline", [](Options& o) { o.block_deadline = -1ms; }},
      {"delivery_timeout", [](Options& o) { o.delivery_timeout = -1ms; }},
      {"delivery_timeout", [](Options& o) { o.delivery_timeout = kMax; }},
      {"delivery_timeout", [](Options& o) { o.linger = 10ms, o.delivery_timeout = 9ms; }},
      {"request_timeout", [](Options& o) { o.request_timeout = 9ms; }},
      {"request_timeout", [](Options& o) { o.request_timeout = kMax; }},
      {"retry_backoff", [](Options& o) { o.retry_backoff = 0ms; }},
      {"retry_backoff", [](Options& o) { o.retry_backoff = 2s, o.retry_backoff_max = 1s; }},
      {"retry_backoff_max", [](Options& o) { o.retry_backoff_max = kMax; }},
      {"metadata_age_max", [](Options& o) { o.metadata_age_max = 99ms; }},
      {"metadata_age_max", [](Options& o) { o.metadata_age_max = kMax; }},
      {"batch_bytes_max", [](Options& o) { o.batch_bytes_max = 1023; }},
      {"batch_bytes_max", [](Options& o) { o.batch_bytes_max = SIZE_MAX; }},
      {"record_bytes_max", [](Options& o) { o.record_bytes_max = 63; }},
      {"record_bytes_max", [](Options& o) { o.record_bytes_max = SIZE_MAX; }},
      {"topics_max", [](Options& o) { o.topics_max = 0; }},
      {"topics_max", [](Options& o) { o.topics_max = 4097; }},
      {"partitions_max", [](Options& o) { o.partitions_max = 0; }},
      {"partitions_max", [](Options& o) { o.partitions_max = 1'000'001; }},
      {"brokers_max", [](Options& o) { o.brokers_max = 0; }},
      {"brokers_max", [](Options& o) { o.brokers_max = 4097; }},
      {"lanes", [](Options& o) { o.lanes = 257; }},
      {"ring_slots", [](Options& o) { o.ring_slots = 1; }},
      {"ring_slots", [](Options& o) { o.ring_slots = 1000; }},
      {"ring_slots", [](Options& o) { o.ring_slots = 1U << 25; }},
      {"water_levels", [](Options& o) { o.water_levels.low = 0; }},
      {"water_levels", [](Options& o) { o.water_levels.mid = 90; }},
      {"water_levels", [](Options& o) { o.water_levels.high = 101; }},
      {"water_levels", [](Options& o) { o.water_levels.hysteresis = 20; }},
  };
  for (const auto& [name, change] : cases) {
    Options options;
    change(options);
    const auto checked = check_options(options);
    ASSERT_FALSE(checked) << name;
    EXPECT_EQ(checked.code(), ErrorCode::InvalidOption);
    EXPECT_NE(checked.error().message().find(name), std::string::npos)
        << name << " is not in: " << checked.error().message();
  }
}

}  // namespace
}  // namespace spillway
