// What goes in comes out, in every way of sending. Refusals: producer_refusal_test.cc. Ends:
// producer_close_test.cc.
#include <set>

#include "producer/producer_test_support.h"

namespace spillway {
namespace {

class ProducerTest : public ::testing::Test {
 protected:
  ProducerTest() : broker_({.topics = {{"t", 1}, {"wide", 3}}}) {}

  Producer open(const std::function<void(Options&)>& change = [](Options&) {}) {
    Options options = small_options(broker_.bootstrap());
    change(options);
    auto producer = Producer::open(options);
    EXPECT_TRUE(producer) << producer.error().message();
    auto topic = producer->topic("t");
    EXPECT_TRUE(topic) << topic.error().message();
    topic_ = *topic;
    return std::move(*producer);
  }

  dev::DevBroker broker_;
  Topic topic_;
};

TEST_F(ProducerTest, DeliversWithOffsetAndPartition) {
  Producer producer = open();
  for (int i = 0; i < 3; ++i) {
    auto delivery = producer.send_and_wait(topic_, {.value = "v"}, kPatience);
    ASSERT_TRUE(delivery) << delivery.error().message();
    EXPECT_EQ(delivery->fate, Fate::Delivered);
    EXPECT_EQ(delivery->offset, i);
    EXPECT_EQ(delivery->partition, 0);
    EXPECT_EQ(delivery->topic, topic_.id());
  }
  EXPECT_EQ(values(broker_), (std::vector<std::string>{"v", "v", "v"}));
}

TEST_F(ProducerTest, KeepsNullsEmptiesHeadersAndTimestamps) {
  Producer producer = open();
  const Header headers[] = {{"a", "1"}, {"null", Bytes{}}, {"empty", ""}, {"", "no name"}};
  const Timestamp when{std::chrono::milliseconds(1'234'567'890'123)};
  ASSERT_TRUE(producer.send(topic_, {.key = "k", .value = Bytes{}, .timestamp = when}));
  ASSERT_TRUE(producer.send(topic_, {.key = "", .value = ""}));
  ASSERT_TRUE(producer.send(topic_, {.key = Bytes{}, .value = "v", .headers = headers}));
  const std::string nul("a\0b", 3);
  ASSERT_TRUE(producer.send(topic_, {.key = nul, .value = nul}));
  ASSERT_TRUE(producer.flush(kPatience));
  const auto records = broker_.records("t", 0);
  ASSERT_EQ(records.size(), 4u);
  EXPECT_EQ(records[0].key, "k");
  EXPECT_EQ(records[0].value, std::nullopt);
  EXPECT_EQ(records[0].timestamp_ms, 1'234'567'890'123);
  EXPECT_EQ(records[1].key, "");
  EXPECT_EQ(records[1].value, "");
  const auto wall = std::chrono::duration_cast<std::chrono::milliseconds>(
                        std::chrono::system_clock::now().time_since_epoch())
                        .count();
  EXPECT_NEAR(static_cast<double>(records[1].timestamp_ms), static_cast<double>(wall), 60'000);
  EXPECT_EQ(records[2].key, std::nullopt);
  const std::vector<dev::DevHeader> expected = {
      {"a", "1"}, {"null", std::nullopt}, {"empty", ""}, {"", "no name"}};
  EXPECT_EQ(records[2].headers, expected);
  EXPECT_EQ(records[3].key, nul);
  EXPECT_EQ(records[3].value, nul);
}

TEST_F(ProducerTest, CopiesEverySizeAcrossTheBordersOfItsInside) {
  Producer producer = open([](Options& options) { options.linger = 20ms; });
  std::vector<std::string> sent;
  for (const std::size_t size : std::initializer_list<std::size_t>{
           0,   1,    63,   64,   127,    128,    700,    750,    767,    768,
           769, 4000, 4096, 8191, 16'300, 16'383, 16'384, 16'385, 40'000, 60'000}) {
    sent.push_back(std::string(size, static_cast<char>('a' + sent.size())));
    ASSERT_TRUE(producer.send(topic_, {.value = sent.back()})) << size;
  }
  ASSERT_TRUE(producer.flush(kPatience));
  EXPECT_EQ(values(broker_), sent);
}

TEST_F(ProducerTest, EncodesInPlaceWithEveryLength) {
  Producer producer = open();
  std::vector<std::string> sent;
  const Header headers[] = {{"h", "x"}};
  for (const std::size_t size : std::initializer_list<std::size_t>{
           0, 1, 63, 64, 127, 128, 700, 767, 768, 8191, 8192, 16'383, 16'384, 50'000}) {
    for (const std::size_t spare : std::initializer_list<std::size_t>{0, 1, 200}) {
      auto room = producer.reserve(topic_, {.key = "key", .headers = headers}, size + spare);
      ASSERT_TRUE(room) << size;
      ASSERT_EQ(room->value().size(), size + spare);
      sent.push_back(std::string(size, static_cast<char>('a' + sent.size() % 26)));
      std::memcpy(room->value().data(), sent.back().data(), size);
      ASSERT_TRUE(room->commit(size)) << size;
    }
    ASSERT_TRUE(producer.flush(kPatience));
  }
  EXPECT_EQ(values(broker_), sent);
  for (const auto& record : broker_.records("t", 0)) {
    ASSERT_EQ(record.key, "key");
    ASSERT_EQ(record.headers, (std::vector<dev::DevHeader>{{"h", "x"}}));
  }
}

TEST_F(ProducerTest, AReservationThatEndsUncommittedLeavesNoTrace) {
  Producer producer = open();
  for (int i = 0; i < 5'000; ++i) {  // far more than the budget, if any of it stayed
    auto room = producer.reserve(topic_, {}, 20'000);
    ASSERT_TRUE(room) << i << ' ' << room.error().message();
    if (i % 3 == 0) room->abort();
    Reservation moved = std::move(*room);
    room->abort();
    EXPECT_FALSE(i % 3 == 0 && moved.commit(1).ok()) << "an aborted reservation was committed";
  }
  EXPECT_EQ(producer.snapshot().ledger.accepted, 0u);
  EXPECT_FALSE(Reservation().commit(0));
}

TEST_F(ProducerTest, CommittingMoreThanWasReservedIsRefused) {
  Producer producer = open();
  auto room = producer.reserve(topic_, {}, 10);
  ASSERT_TRUE(room);
  EXPECT_EQ(room->commit(11).code(), ErrorCode::InvalidArgument);
  EXPECT_EQ(producer.snapshot().ledger.accepted, 0u);
}

struct DecimalEncoder {
  std::size_t size_max(const int&) noexcept { return 12; }
  std::size_t encode(const int& value, std::span<std::byte> out) noexcept {
    const std::string text = std::to_string(value);
    std::memcpy(out.data(), text.data(), text.size());
    return text.size();
  }
};

TEST_F(ProducerTest, AnEncoderWritesStraightIntoThePool) {
  Producer producer = open();
  DecimalEncoder encoder;
  Deliveries deliveries(2);
  ASSERT_TRUE(producer.send_encoded(topic_, {}, encoder, 42, deliveries.completion(0)));
  ASSERT_TRUE(producer.send_encoded(topic_, {}, encoder, -7, deliveries.completion(1)));
  ASSERT_TRUE(producer.flush(kPatience));
  EXPECT_EQ(values(broker_), (std::vector<std::string>{"42", "-7"}));
  EXPECT_EQ(deliveries.count(Fate::Delivered), 2u);
}

TEST_F(ProducerTest, BorrowedBytesAreSentFromWhereTheyLie) {
  Producer producer = open();
  const Header headers[] = {{"h", "x"}};
  std::vector<std::string> sent;
  for (const std::size_t size : std::initializer_list<std::size_t>{0, 1, 100, 5'000, 60'000})
    sent.push_back(std::string(size, static_cast<char>('a' + sent.size())));
  Deliveries deliveries(sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) {
    ASSERT_TRUE(producer.send_borrowed(topic_, {.key = "key", .headers = headers},
                                       BorrowedBytes(sent[i]), deliveries.completion(i)));
  }
  ASSERT_TRUE(producer.flush(kPatience));
  EXPECT_EQ(values(broker_), sent);
  EXPECT_EQ(broker_.records("t", 0)[4].headers, (std::vector<dev::DevHeader>{{"h", "x"}}));
}

TEST_F(ProducerTest, KeysAndExplicitPartitionsGoWhereTheyShould) {
  Producer producer = open();
  auto wide = producer.topic("wide");
  ASSERT_TRUE(wide);
  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE(producer.send(*wide, {.value = "explicit", .partition = i % 3}));
    ASSERT_TRUE(producer.send(*wide, {.key = "same", .value = "keyed"}));
  }
  Deliveries deliveries(1);
  EXPECT_EQ(producer.send(*wide, {.value = "x", .partition = -2}).code(),
            ErrorCode::InvalidArgument);
  ASSERT_TRUE(producer.send(*wide, {.value = "x", .partition = 3}, deliveries.completion(0)));
  ASSERT_TRUE(producer.flush(kPatience));
  ASSERT_EQ(deliveries.of(0).size(), 1u);
  EXPECT_EQ(deliveries.of(0)[0].fate, Fate::Failed);
  int partitions_with_keyed = 0;
  for (std::int32_t i = 0; i < 3; ++i) {
    std::map<std::string, int> counts;
    for (const auto& record : broker_.records("wide", i)) ++counts[*record.value];
    EXPECT_EQ(counts["explicit"], 10);
    EXPECT_EQ(counts["x"], 0);
    partitions_with_keyed += counts["keyed"] > 0 ? 1 : 0;
  }
  EXPECT_EQ(partitions_with_keyed, 1);
}

TEST_F(ProducerTest, FlushEndsUnderContinuousLoad) {
  Producer producer = open();
  std::atomic<bool> stop{false};
  std::thread load([&] {
    while (!stop.load()) (void)producer.send(topic_, {.value = "load"});
  });
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(producer.flush(kPatience)) << i;
  }
  stop = true;
  load.join();
}

TEST_F(ProducerTest, ATopicThatIsMadeLaterBecomesUsable) {
  Producer producer = open();
  EXPECT_EQ(producer.topic("later").code(), ErrorCode::UnknownTopic);
  broker_.create_topic("later", 1);
  EXPECT_TRUE(eventually([&] { return producer.topic("later").ok(); }));
}

TEST_F(ProducerTest, MayBeMoved) {
  Producer first = open();
  ASSERT_TRUE(first.send(topic_, {.value = "1"}));
  Producer second = std::move(first);
  ASSERT_TRUE(second.send(topic_, {.value = "2"}));
  Producer third = open();
  third = std::move(second);  // what it was is closed
  ASSERT_TRUE(third.send(topic_, {.value = "3"}));
  ASSERT_TRUE(third.flush(kPatience));
  EXPECT_EQ(values(broker_), (std::vector<std::string>{"1", "2", "3"}));
}

class Recorder final : public Observer {
 public:
  void on_level(Level from, Level to) noexcept override {
    const std::lock_guard lock(mutex);
    edges.emplace_back(from, to);
  }
  void on_delivery(const BatchDelivery& delivery) noexcept override {
    const std::lock_guard lock(mutex);
    batches.push_back(delivery);
  }
  std::mutex mutex;
  std::vector<std::pair<Level, Level>> edges;
  std::vector<BatchDelivery> batches;
};

TEST_F(ProducerTest, TheObserverHearsOfEachBatchOnce) {
  Recorder recorder;
  Producer producer = open([&](Options& options) { options.observer = &recorder; });
  for (int i = 0; i < 1'000; ++i) ASSERT_TRUE(producer.send(topic_, {.value = "x"}));
  ASSERT_TRUE(producer.close(kPatience));
  std::int64_t next = 0;
  for (const BatchDelivery& batch : recorder.batches) {
    EXPECT_EQ(batch.first.fate, Fate::Delivered);
    EXPECT_EQ(batch.first.offset, next);
    next += batch.count;
  }
  EXPECT_EQ(next, 1'000);
}

TEST_F(ProducerTest, LevelsRiseAndFallEdgeByEdge) {
  Recorder recorder;
  Producer producer = open([&](Options& options) {
    options.observer = &recorder;
    options.when_full = WhenFull::FailFast;
  });
  broker_.stop_node(1, false);
  const std::string value(500, 'x');
  EXPECT_TRUE(eventually([&] {
    while (producer.send(topic_, {.value = value})) {
    }
    return producer.snapshot().level == Level::High;
  }));
  broker_.start_node(1);
  EXPECT_TRUE(eventually([&] { return producer.snapshot().level == Level::Calm; }));
  ASSERT_TRUE(producer.close(kPatience));
  Level level = Level::Calm;
  for (const auto& [from, to] : recorder.edges) {
    EXPECT_EQ(from, level);
    EXPECT_NE(from, to);
    level = to;
  }
  EXPECT_EQ(level, Level::Calm);
  expect_ledger_identity(producer.snapshot());
}

TEST_F(ProducerTest, EveryCodecOnEitherThreadGivesBackWhatWentIn) {
  std::vector<std::string> sent;
  for (const Codec codec : {Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd}) {
    for (const bool threaded : {false, true}) {
      Options options = small_options(broker_.bootstrap());
      options.compression.codec = codec;
      options.compression_thread = threaded;
      auto producer = Producer::open(options);
      ASSERT_TRUE(producer) << producer.error().message();
      auto topic = producer->topic("t");
      ASSERT_TRUE(topic);
      for (int i = 0; i < 3'000; ++i) {
        sent.push_back("number " + std::to_string(i) +
                       std::string(static_cast<std::size_t>(i % 2'000), 'x'));
        ASSERT_TRUE(producer->send(*topic, {.value = sent.back()}));
      }
      ASSERT_TRUE(producer->close(kPatience)->clean());
      expect_ledger_identity(producer->snapshot());
    }
  }
  EXPECT_EQ(values(broker_), sent);
}

TEST(Rack, RecordsWithoutAKeyGoToLeadersNearby) {
  dev::DevBroker broker(
      {.nodes = 3, .topics = {{"t", 6}}});  // partition i is led by node 1 + i % 3
  Options options = small_options(broker.bootstrap());
  options.client_rack = "rack-2";
  options.batch_bytes_max = 1'024;
  auto producer = Producer::open(options);
  ASSERT_TRUE(producer) << producer.error().message();
  auto topic = producer->topic("t");
  ASSERT_TRUE(topic);
  Deliveries deliveries(300);
  for (std::size_t i = 0; i < 300; ++i)
    ASSERT_TRUE(producer->send(*topic, {.value = "one of many values"}, deliveries.completion(i)));
  ASSERT_TRUE(producer->flush(kPatience));
  std::set<std::int32_t> used;
  for (std::size_t i = 0; i < 300; ++i) used.insert(deliveries.of(i).at(0).partition);
  EXPECT_EQ(used, (std::set<std::int32_t>{1, 4}));
}

}  // namespace
}  // namespace spillway
