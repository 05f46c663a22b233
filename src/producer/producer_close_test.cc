// How a producer ends: always, in time, and with every callback run.
#include "producer/producer_test_support.h"

namespace spillway {
namespace {

class Close : public ::testing::Test {
 protected:
  Close() : broker_({.topics = {{"t", 1}}}) {}

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
  void send(Producer& producer, Deliveries& deliveries, std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i)
      ASSERT_TRUE(producer.send(topic_, {.value = "v"}, deliveries.completion(i)));
  }

  dev::DevBroker broker_;
  Topic topic_;
};

TEST_F(Close, DeliversWhatIsLeft) {
  Producer producer = open([](Options& options) { options.linger = 10'000ms; });
  Deliveries deliveries(100);
  send(producer, deliveries, 0, 100);
  const auto report = producer.close(kPatience);
  ASSERT_TRUE(report);
  EXPECT_TRUE(report.value().clean());
  EXPECT_EQ(deliveries.count(Fate::Delivered), 100u);
}

TEST_F(Close, WithTheLongestDeadlineStillEnds) {
  Producer producer = open();
  Deliveries deliveries(10);
  send(producer, deliveries, 0, 10);
  ASSERT_TRUE(producer.close(std::chrono::milliseconds::max()));
  EXPECT_EQ(deliveries.count(Fate::Delivered), 10u);
}

TEST_F(Close, NamesWhatItCouldNotFinish) {
  Producer producer = open([](Options& options) { options.in_flight_max = 1; });
  Deliveries deliveries(70);
  broker_.faults().add({.kind = dev::FaultKind::SwallowBefore, .api = dev::ApiKey::kProduce});
  send(producer, deliveries, 0, 20);
  ASSERT_TRUE(eventually([&] { return producer.snapshot().requests_in_flight == 1; }));
  std::this_thread::sleep_for(30ms);
  const std::uint64_t sent_first = 20;
  send(producer, deliveries, 20, 70);
  const auto begin = std::chrono::steady_clock::now();
  const auto report = producer.close(100ms);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
  ASSERT_TRUE(report);
  EXPECT_EQ(report.value().unknown + report.value().dropped, 70u);
  EXPECT_LE(report.value().unknown, sent_first);
  EXPECT_GT(report.value().unknown, 0u);
  EXPECT_EQ(deliveries.count(Fate::Unknown), report.value().unknown);
  EXPECT_EQ(deliveries.count(Fate::Dropped), report.value().dropped);
  expect_ledger_identity(producer.snapshot());
}

TEST_F(Close, DoesNotTakeTimeoutsForDrops) {
  Producer producer = open([](Options& options) { options.delivery_timeout = 300ms; });
  broker_.faults().add({.kind = dev::FaultKind::SwallowBefore, .api = dev::ApiKey::kProduce});
  Deliveries deliveries(60);
  send(producer, deliveries, 0, 30);  // in doubt, and too old before close gives up
  std::this_thread::sleep_for(100ms);
  broker_.stop_node(1, false);
  send(producer, deliveries, 30, 60);  // never sent, and not too old
  const auto report = producer.close(250ms);
  ASSERT_TRUE(report);
  EXPECT_EQ(report.value().dropped, deliveries.count(Fate::Dropped));
  EXPECT_EQ(report.value().unknown, deliveries.count(Fate::Unknown));
  EXPECT_EQ(deliveries.count(), 60u);
}

TEST_F(Close, NeverHangsWithoutBrokers) {
  Producer producer = open();
  broker_.stop_node(1, false);
  Deliveries deliveries(1'000);
  send(producer, deliveries, 0, 1'000);
  const auto begin = std::chrono::steady_clock::now();
  const auto report = producer.close(50ms);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
  ASSERT_TRUE(report);
  EXPECT_EQ(report.value().dropped + report.value().unknown, 1'000u);
  EXPECT_EQ(deliveries.count(), 1'000u);
}

TEST_F(Close, TwiceGivesTheSameReport) {
  Producer producer = open();
  broker_.stop_node(1, false);
  Deliveries deliveries(10);
  send(producer, deliveries, 0, 10);
  const auto first = producer.close(0ms);
  const auto second = producer.close(kPatience);
  ASSERT_TRUE(first);
  ASSERT_TRUE(second);
  EXPECT_EQ(first.value().dropped, second.value().dropped);
  EXPECT_EQ(first.value().unknown, second.value().unknown);
}

TEST_F(Close, IsDoneByTheDestructorWithEveryCallbackRun) {
  Deliveries deliveries(5'000);
  {
    Producer producer = open();
    send(producer, deliveries, 0, 5'000);
  }
  EXPECT_EQ(deliveries.count(), 5'000u);
}

// The second flush asks while the first, which nobody waits for any more, is still under way.
TEST_F(Close, FlushThatOverlapsAnotherEndsToo) {
  Producer producer = open();
  Deliveries deliveries(8);
  for (std::size_t i = 0; i < 8; ++i) {
    broker_.stop_node(1, false);
    send(producer, deliveries, i, i + 1);
    ASSERT_EQ(producer.flush(50ms).code(), ErrorCode::TimedOut);
    broker_.start_node(1);
    ASSERT_TRUE(producer.flush(kPatience)) << "round " << i;
  }
}

TEST_F(Close, FreesBlockedCallers) {
  Producer producer = open([](Options& options) { options.block_deadline = 60'000ms; });
  broker_.stop_node(1, false);
  std::vector<std::thread> callers;
  std::atomic<int> closed{0};
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&] {
      const std::string value(2'000, 'x');
      for (;;) {
        const auto sent = producer.send(topic_, {.value = value});
        if (sent) continue;
        EXPECT_EQ(sent.code(), ErrorCode::Closed);
        closed += 1;
        return;
      }
    });
  }
  std::this_thread::sleep_for(100ms);
  ASSERT_TRUE(producer.close(100ms));
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(closed.load(), 3);
  expect_ledger_identity(producer.snapshot());
  EXPECT_EQ(producer.snapshot().ledger.held, 0u);
}

}  // namespace
}  // namespace spillway
