#include "apps/spillway/event_log.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace spillway::cli {
namespace {

using Sentences = std::vector<std::string>;

TEST(EventLog, KeepsWarningsInOrderAndLeavesInformationOut) {
  EventLog log;
  log.on_event(Severity::Warning, "first");
  log.on_event(Severity::Info, "quiet");
  log.on_event(Severity::Error, "second");
  EXPECT_EQ(log.take().sentences, (Sentences{"first", "second"}));
  EXPECT_TRUE(log.take().sentences.empty());
}

TEST(EventLog, ARepeatedSentenceIsToldOnceUntilSomethingElseHappens) {
  EventLog log;
  for (int i = 0; i < 3; ++i) log.on_event(Severity::Warning, "refused");
  EXPECT_EQ(log.take().sentences, Sentences{"refused"});
  log.on_event(Severity::Warning, "refused");
  log.on_event(Severity::Warning, "found");
  log.on_event(Severity::Warning, "refused");
  EXPECT_EQ(log.take().sentences, (Sentences{"found", "refused"}));
}

TEST(EventLog, WhatIsTooMuchIsCountedAndWhatIsTooLongIsCut) {
  EventLog log;
  for (std::size_t i = 0; i < EventLog::kSentencesMax + 5; ++i) {
    log.on_event(Severity::Warning, std::to_string(i) + std::string(1000, 'x'));
  }
  const auto taken = log.take();
  EXPECT_EQ(taken.sentences.size(), EventLog::kSentencesMax);
  EXPECT_EQ(taken.lost, 5U);
  EXPECT_EQ(taken.sentences.front().size(), EventLog::kSentenceBytesMax);
}

TEST(EventLog, RemembersTheFirstErrorCodeOfKafka) {
  EventLog log;
  for (const std::int16_t error : std::vector<std::int16_t>{0, 10, 3}) {
    log.on_delivery({{Fate::Failed, Reason::Rejected, error, 0, -1, 0}, 1, 10});
  }
  EXPECT_EQ(log.kafka_error_first(), 10);
}

}  // namespace
}  // namespace spillway::cli
