// Every word that send may answer instead of accepting, its counter, and that a refused record
// leaves nothing behind.
#include "producer/producer_test_support.h"

namespace spillway {
namespace {

constexpr std::size_t kMany = 100'000;

class Refusal : public ::testing::Test {
 protected:
  Refusal() : broker_({.topics = {{"t", 1}}}) {}

  Producer open(WhenFull when_full, std::chrono::milliseconds block_deadline = 0ms) {
    Options options = small_options(broker_.bootstrap());
    options.when_full = when_full;
    options.block_deadline = block_deadline;
    options.lanes = 1;
    auto producer = Producer::open(options);
    EXPECT_TRUE(producer) << producer.error().message();
    auto topic = producer->topic("t");
    EXPECT_TRUE(topic) << topic.error().message();
    topic_ = *topic;
    return std::move(*producer);
  }

  // Sends until nothing has gone in for a while, and returns the last refusal. The first one only
  // says that the I/O thread is behind.
  ErrorCode fill(Producer& producer, Deliveries& deliveries) {
    ErrorCode last = ErrorCode::Ok;
    for (int in_a_row = 0; in_a_row < 50 && accepted_ < kMany;) {
      auto sent = producer.send(topic_, {.value = value_}, deliveries.completion(accepted_));
      if (sent) {
        ++accepted_;
        in_a_row = 0;
        continue;
      }
      last = sent.code();
      ++in_a_row;
      ++refused_;
      std::this_thread::sleep_for(1ms);
    }
    return last;
  }

  void expect_each_told_once(Producer& producer, Deliveries& deliveries) {
    ASSERT_TRUE(producer.close(kPatience));
    for (std::size_t i = 0; i < accepted_; ++i) ASSERT_EQ(deliveries.of(i).size(), 1u) << i;
    EXPECT_EQ(deliveries.count(), accepted_) << "a refused record's callback ran";
    expect_ledger_identity(producer.snapshot());
    EXPECT_EQ(producer.snapshot().ledger.accepted, accepted_);
    EXPECT_EQ(producer.snapshot().ledger.held, 0u);
  }

  dev::DevBroker broker_;
  Topic topic_;
  std::string value_ = std::string(300, 'v');
  std::size_t accepted_ = 0;
  std::uint64_t refused_ = 0;
};

TEST_F(Refusal, FullAtOnceWithFailFast) {
  Producer producer = open(WhenFull::FailFast);
  broker_.stop_node(1, false);
  Deliveries deliveries(kMany);
  EXPECT_EQ(fill(producer, deliveries), ErrorCode::Full);
  EXPECT_EQ(producer.snapshot().refusals.full, refused_);
  broker_.start_node(1);
  expect_each_told_once(producer, deliveries);
  EXPECT_EQ(deliveries.count(Fate::Delivered), accepted_);
}

TEST_F(Refusal, FullAfterTheDeadlineWithBlock) {
  Producer producer = open(WhenFull::Block, 20ms);
  broker_.stop_node(1, false);
  Deliveries deliveries(kMany);
  EXPECT_EQ(fill(producer, deliveries), ErrorCode::Full);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(producer.send(topic_, {.value = value_}).code(), ErrorCode::Full);
  const auto waited = std::chrono::steady_clock::now() - begin;
  EXPECT_GE(waited, 20ms);
  EXPECT_EQ(producer.snapshot().refusals.full, refused_ + 1);
  broker_.start_node(1);
  expect_each_told_once(producer, deliveries);
  EXPECT_EQ(deliveries.count(Fate::Delivered), accepted_);
}

TEST_F(Refusal, ABlockedCallerGoesOnWhenThereIsRoom) {
  Producer producer = open(WhenFull::Block, 20'000ms);
  broker_.stop_node(1, false);
  std::thread opener([&] {
    std::this_thread::sleep_for(200ms);
    broker_.start_node(1);
  });
  for (int i = 0; i < 40'000; ++i) ASSERT_TRUE(producer.send(topic_, {.value = value_})) << i;
  opener.join();
  ASSERT_TRUE(producer.flush(kPatience));
  EXPECT_EQ(producer.snapshot().ledger.delivered, 40'000u);
  EXPECT_EQ(producer.snapshot().refusals.full, 0u);
}

TEST_F(Refusal, BusyWhenDroppingFreesNothing) {
  Producer producer = open(WhenFull::DropOldest);
  std::vector<Reservation> held;
  ErrorCode last = ErrorCode::Ok;
  while (last == ErrorCode::Ok && held.size() < 1'000) {
    auto room = producer.reserve(topic_, {}, 40'000);
    last = room.code();
    if (room) held.push_back(std::move(*room));
  }
  EXPECT_EQ(last, ErrorCode::Busy);
  EXPECT_EQ(producer.snapshot().refusals.busy, 1u);
  held.clear();
  EXPECT_TRUE(producer.reserve(topic_, {}, 40'000));
}

TEST_F(Refusal, TooLargeBeforeAnyWait) {
  Producer producer = open(WhenFull::Block, 20'000ms);
  const std::string large(64 << 10, 'x');
  EXPECT_EQ(producer.send(topic_, {.value = large}).code(), ErrorCode::TooLarge);
  EXPECT_EQ(producer.send(topic_, {.key = large}).code(), ErrorCode::TooLarge);
  EXPECT_EQ(producer.send_borrowed(topic_, {}, BorrowedBytes(large), {}).code(),
            ErrorCode::TooLarge);
  EXPECT_EQ(producer.reserve(topic_, {}, large.size() + 1).code(), ErrorCode::TooLarge);
  EXPECT_EQ(producer.reserve(topic_, {}, SIZE_MAX).code(), ErrorCode::TooLarge);
  EXPECT_EQ(producer.snapshot().refusals.too_large, 5u);
  EXPECT_EQ(producer.snapshot().ledger.accepted, 0u);
}

struct Inside {
  Producer* producer;
  Topic topic;
  std::atomic<int> calls{0};
  ErrorCode send = ErrorCode::Ok, flush = ErrorCode::Ok, close = ErrorCode::Ok,
            wait = ErrorCode::Ok;
};

void call_back_in(void* context, const Delivery&) noexcept {
  auto* inside = static_cast<Inside*>(context);
  if (inside->calls.fetch_add(1) > 0) return;
  const std::string value(300, 'i');
  inside->send = inside->producer->send(inside->topic, {.value = value}).code();
  inside->flush = inside->producer->flush(1s).code();
  inside->close = inside->producer->close(1s).code();
  inside->wait = inside->producer->send_and_wait(inside->topic, {.value = value}, 1s).code();
}

TEST_F(Refusal, WouldDeadlockInsideACallback) {
  Producer producer = open(WhenFull::Block, 0ms);
  broker_.stop_node(1, false);
  Inside inside{&producer, topic_};
  ASSERT_TRUE(producer.send(topic_, {.value = value_}, {call_back_in, &inside}));
  Deliveries deliveries(kMany);
  EXPECT_EQ(fill(producer, deliveries), ErrorCode::Full);
  broker_.start_node(1);
  ASSERT_TRUE(producer.flush(kPatience));
  EXPECT_EQ(inside.calls.load(), 1);
  EXPECT_EQ(inside.send, ErrorCode::WouldDeadlock);
  EXPECT_EQ(inside.flush, ErrorCode::WouldDeadlock);
  EXPECT_EQ(inside.close, ErrorCode::WouldDeadlock);
  EXPECT_EQ(inside.wait, ErrorCode::WouldDeadlock);
  EXPECT_GE(producer.snapshot().refusals.would_deadlock, 3u);
}

TEST_F(Refusal, ClosedAfterClose) {
  Producer producer = open(WhenFull::Block, 20'000ms);
  auto room = producer.reserve(topic_, {}, 10);
  ASSERT_TRUE(room);
  ASSERT_TRUE(producer.close(kPatience));
  EXPECT_EQ(producer.send(topic_, {.value = "x"}).code(), ErrorCode::Closed);
  EXPECT_EQ(producer.send_borrowed(topic_, {}, BorrowedBytes(value_), {}).code(),
            ErrorCode::Closed);
  EXPECT_EQ(producer.reserve(topic_, {}, 10).code(), ErrorCode::Closed);
  EXPECT_EQ(room->commit(1).code(), ErrorCode::Closed);
  EXPECT_EQ(producer.send_and_wait(topic_, {.value = "x"}, 1s).code(), ErrorCode::Closed);
  EXPECT_EQ(producer.flush(1s).code(), ErrorCode::Closed);
  EXPECT_EQ(producer.topic("t").code(), ErrorCode::Closed);
  EXPECT_EQ(producer.snapshot().refusals.closed, 5u);
  EXPECT_EQ(producer.snapshot().ledger.accepted, 0u);
}

TEST_F(Refusal, UnknownTopicOrAForeignHandle) {
  Producer producer = open(WhenFull::Block, 20'000ms);
  EXPECT_EQ(producer.topic("nope").code(), ErrorCode::UnknownTopic);
  EXPECT_EQ(producer.topic("no spaces").code(), ErrorCode::InvalidArgument);
  EXPECT_EQ(producer.send(Topic{}, {.value = "x"}).code(), ErrorCode::UnknownTopic);
  EXPECT_EQ(producer.snapshot().refusals.unknown_topic, 1u);
}

TEST_F(Refusal, TopicPendingWhileNobodyDescribesIt) {
  for (const WhenFull when_full : {WhenFull::FailFast, WhenFull::DropOldest, WhenFull::Block}) {
    Options options = small_options("127.0.0.1:1");
    options.when_full = when_full;
    options.block_deadline = 30ms;
    auto producer = Producer::open(options);
    ASSERT_TRUE(producer);
    auto topic = producer->topic("t", 0ms);
    ASSERT_TRUE(topic);
    EXPECT_EQ(producer->send(*topic, {.value = "x"}).code(), ErrorCode::TopicPending);
    EXPECT_EQ(producer->snapshot().refusals.topic_pending, 1u);
    EXPECT_EQ(producer->topic("t", 300ms).code(), ErrorCode::Unreachable);
  }
}

TEST_F(Refusal, DropOldestEndsTheOldestAndTellsItOnce) {
  for (const std::size_t size : std::initializer_list<std::size_t>{
           10, 300, 2'000}) {  // over the ring, and over unsent batches
    value_ = std::string(size, 'v');
    Producer producer = open(WhenFull::DropOldest);
    broker_.stop_node(1, false);
    constexpr std::size_t kRecords = 60'000;
    Deliveries deliveries(kMany);
    for (accepted_ = 0; accepted_ < kRecords;) {
      auto sent = producer.send(topic_, {.value = value_}, deliveries.completion(accepted_));
      accepted_ += sent ? 1 : 0;
      ASSERT_TRUE(sent || sent.code() == ErrorCode::Busy) << sent.error().message();
    }
    EXPECT_GT(deliveries.count(Fate::Dropped), 0u);
    broker_.start_node(1);
    expect_each_told_once(producer, deliveries);
    EXPECT_EQ(deliveries.of(kRecords - 1)[0].fate, Fate::Delivered) << "the newest is not dropped";
    const Snapshot end = producer.snapshot();
    EXPECT_EQ(end.ledger.delivered + end.ledger.dropped, kRecords);
    EXPECT_EQ(end.ledger.by_reason[static_cast<std::size_t>(Reason::DropOldest)],
              end.ledger.dropped);
    for (std::size_t i = 0; i < kRecords; ++i) {
      const Delivery delivery = deliveries.of(i)[0];
      ASSERT_EQ(delivery.reason == Reason::DropOldest, delivery.fate == Fate::Dropped);
    }
  }
}

}  // namespace
}  // namespace spillway
