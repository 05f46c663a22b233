#include "testing/dev_broker/faults.h"

#include <gtest/gtest.h>

namespace spillway::dev {
namespace {

FaultPlan plan_for(Faults& faults, const FaultSubject& subject) {
  FaultPlan plan;
  faults.apply(subject, plan);
  return plan;
}

constexpr FaultSubject kMetadataOn1{ApiKey::kMetadata, 1};
constexpr FaultSubject kProduceOn1{ApiKey::kProduce, 1};
constexpr FaultSubject kProduceT0{ApiKey::kProduce, 1, "t", 0};
constexpr FaultSubject kProduceT1{ApiKey::kProduce, 1, "t", 1};

TEST(Faults, StrikeAsOftenAsAskedAndNoMore) {
  Faults faults(1);
  const FaultId id = faults.add({.kind = FaultKind::CloseAfter, .times = 2});
  EXPECT_TRUE(plan_for(faults, kMetadataOn1).close_after);
  EXPECT_TRUE(plan_for(faults, kMetadataOn1).close_after);
  EXPECT_FALSE(plan_for(faults, kMetadataOn1).close_after);
  EXPECT_EQ(faults.hits(id), 2U);
}

TEST(Faults, LetTheFirstMatchesPassWhenAsked) {
  Faults faults(1);
  faults.add({.kind = FaultKind::CloseAfter, .skip = 1});
  EXPECT_FALSE(plan_for(faults, kMetadataOn1).close_after);
  EXPECT_TRUE(plan_for(faults, kMetadataOn1).close_after);
}

TEST(Faults, StrikeOnlyTheApiAndNodeNamed) {
  Faults faults(1);
  faults.add({.kind = FaultKind::NoAnswer, .api = ApiKey::kProduce, .node = 2});
  EXPECT_FALSE(plan_for(faults, kMetadataOn1).no_answer);
  EXPECT_FALSE(plan_for(faults, kProduceOn1).no_answer);
  EXPECT_TRUE(plan_for(faults, {ApiKey::kProduce, 2}).no_answer);
}

TEST(Faults, APartitionRuleLeavesTheOtherPartitionsAlone) {
  Faults faults(1);
  faults.add({.topic = "t", .partition = 1, .error = KafkaError::kKafkaStorageError});
  EXPECT_FALSE(plan_for(faults, kProduceOn1).error.has_value());
  EXPECT_FALSE(plan_for(faults, kProduceT0).error.has_value());
  EXPECT_EQ(plan_for(faults, kProduceT1).error, KafkaError::kKafkaStorageError);
}

TEST(Faults, AnErrorWithoutATopicStrikesPartitionsNotTheRequestAroundThem) {
  Faults faults(1);
  faults.add({.error = KafkaError::kNotEnoughReplicas});
  EXPECT_FALSE(plan_for(faults, kProduceOn1).error.has_value());
  EXPECT_TRUE(plan_for(faults, kProduceT0).error.has_value());
}

TEST(Faults, RulesOfOneRequestAddUp) {
  Faults faults(1);
  faults.add({.kind = FaultKind::Delay, .delay = std::chrono::milliseconds(5)});
  faults.add({.kind = FaultKind::Delay, .delay = std::chrono::milliseconds(7)});
  EXPECT_EQ(plan_for(faults, kMetadataOn1).delay, std::chrono::milliseconds(12));
}

std::vector<bool> draws(std::uint64_t seed) {
  Faults faults(seed);
  faults.add({.kind = FaultKind::CloseAfter, .times = FaultRule::kForever, .probability = 0.25});
  std::vector<bool> out;
  for (int i = 0; i < 4000; ++i) out.push_back(plan_for(faults, kMetadataOn1).close_after);
  return out;
}

TEST(Faults, AreTheSameForTheSameSeed) {
  EXPECT_EQ(draws(5), draws(5));
  EXPECT_NE(draws(5), draws(6));
}

TEST(Faults, StrikeWithAboutTheirProbability) {
  const auto all = draws(7);
  const auto hits = std::count(all.begin(), all.end(), true);
  EXPECT_GT(hits, 900);
  EXPECT_LT(hits, 1100);
}

TEST(Faults, ARemovedRuleIsGone) {
  Faults faults(1);
  faults.remove(faults.add({.kind = FaultKind::CloseAfter}));
  EXPECT_FALSE(plan_for(faults, kMetadataOn1).close_after);
}

}  // namespace
}  // namespace spillway::dev
