#include "cluster/topics.h"

#include <gtest/gtest.h>

#include <thread>

namespace spillway {
namespace {

Options small_options() {
  Options options;
  options.topics_max = 3;
  options.partitions_max = 10;
  return options;
}

TEST(Topics, InternsANameOnceUpToTheLimit) {
  Topics topics(small_options());
  const auto a = topics.intern("a");
  const auto b = topics.intern("b");
  ASSERT_TRUE(a && b);
  EXPECT_NE(a.value(), b.value());
  EXPECT_EQ(topics.intern("a").value(), a.value());
  EXPECT_EQ(topics.find("b"), b.value());
  EXPECT_EQ(topics.find("c"), std::nullopt);
  ASSERT_TRUE(topics.intern("c"));
  EXPECT_EQ(topics.intern("d").code(), ErrorCode::TooManyTopics);
  EXPECT_EQ(topics.count(), 3u);
}

TEST(Topics, TakesTheNamesThatBrokersTake) {
  Topics topics(small_options());
  EXPECT_TRUE(topics.intern("Ab9._-"));
  EXPECT_TRUE(topics.intern(std::string(249, 'x')));
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("a b"), std::string("ä"),
        std::string("a/b"), std::string("a\0b", 3), std::string(250, 'x')}) {
    EXPECT_EQ(topics.intern(name).code(), ErrorCode::InvalidArgument) << name;
  }
  EXPECT_EQ(topics.count(), 2u);
}

TEST(Topics, PartitionsKeepTheirPlaceWhileTopicsGrow) {
  Topics topics(small_options());
  const auto a = topics.intern("a").value();
  const auto b = topics.intern("b").value();
  EXPECT_TRUE(topics.describe(a, {}, 2));
  Partition* const first = &topics.partition(a, 0);
  EXPECT_TRUE(topics.describe(b, {}, 3));
  EXPECT_TRUE(topics.describe(a, {}, 4));
  EXPECT_TRUE(topics.describe(a, {}, 3)) << "a stale broker knows fewer";
  EXPECT_EQ(topics.partition_count(a), 4);
  EXPECT_EQ(&topics.partition(a, 0), first);
  for (std::int32_t i = 0; i < 4; ++i) {
    EXPECT_EQ(topics.partition(a, i).index, i);
    EXPECT_EQ(topics.partition(a, i).topic, a);
  }
  EXPECT_EQ(topics.all_partitions().size(), 7u);
  EXPECT_FALSE(topics.describe(b, {}, 100)) << "the table is full";
  EXPECT_EQ(topics.partition_count(b), 6);
  EXPECT_EQ(topics.partition(b, 5).index, 5);
  EXPECT_EQ(topics.all_partitions().size(), 10u);
}

TEST(Topics, ATopicMayGrowOftenAndIsUsedAsFarAsItsExtentsGo) {
  Options options = small_options();
  options.partitions_max = 100;
  Topics topics(options);
  const auto a = topics.intern("a").value();
  const auto b = topics.intern("b").value();
  for (std::int32_t i = 1; i <= 20; ++i) {
    (void)topics.describe(a, {}, i);
    (void)topics.describe(b, {}, i);
  }
  for (std::int32_t i = 0; i < topics.partition_count(a); ++i)
    EXPECT_EQ(topics.partition(a, i).index, i);
  EXPECT_GE(topics.partition_count(a), 8);
}

TEST(Topics, StatesFollowTheClusterAndWakeWaiters) {
  Topics topics(small_options());
  const auto a = topics.intern("a").value();
  EXPECT_EQ(topics.state(a), TopicState::Pending);
  EXPECT_FALSE(topics.all_ready());
  topics.mark_unknown(a, 3);
  EXPECT_EQ(topics.state(a), TopicState::Unknown);
  EXPECT_EQ(topics.kafka_error(a), 3);
  EXPECT_FALSE(topics.all_ready());
  std::thread waiter([&] {
    for (;;) {
      const auto ticket = topics.changed().prepare_wait();
      if (topics.state(a) == TopicState::Ready) return;
      (void)topics.changed().wait(ticket, kNever);
    }
  });
  EXPECT_TRUE(topics.describe(a, {}, 1));
  waiter.join();
  EXPECT_TRUE(topics.all_ready());
}

TEST(Topics, FindsByIdOnlyWhatWasDescribed) {
  Topics topics(small_options());
  const auto a = topics.intern("a").value();
  wire::Uuid id;
  id.bytes[3] = std::byte{7};
  EXPECT_TRUE(topics.describe(a, id, 1));
  EXPECT_EQ(topics.find(id), a);
  id.bytes[3] = std::byte{8};
  EXPECT_EQ(topics.find(id), std::nullopt);
}

}  // namespace
}  // namespace spillway
