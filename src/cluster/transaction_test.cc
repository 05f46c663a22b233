#include "cluster/transaction.h"

#include <gtest/gtest.h>

#include <string>

#include "wire/errors.h"

namespace spillway {
namespace {

using Ask = TransactionDesk::Ask;
using State = TransactionState;

void open(TransactionDesk& desk, State then) {
  desk.finish_ready(0);
  EXPECT_TRUE(desk.begin());
  EXPECT_TRUE(desk.move(State::Open, then));
}

TEST(TransactionDesk, GivesTheAnswerOfAnEarlierCallToWhoeverCallsAgain) {
  TransactionDesk desk;
  open(desk, State::Ending);
  const auto ticket = desk.ask({.ask = Ask::Commit});
  ASSERT_TRUE(ticket);
  EXPECT_EQ(desk.ask({.ask = Ask::Commit}), ticket) << "the same call again joins the first";
  EXPECT_FALSE(desk.ask({.ask = Ask::Abort})) << "one thing at a time";
  EXPECT_FALSE(desk.answer(*ticket));
  EXPECT_FALSE(desk.unclaimed(Ask::Commit));
  desk.finish(*ticket, {});
  EXPECT_FALSE(desk.unclaimed(Ask::Abort)) << "it was not an abort";
  EXPECT_TRUE(desk.unclaimed(Ask::Commit));
  EXPECT_FALSE(desk.unclaimed(Ask::Commit)) << "it is told once";
}

TEST(TransactionDesk, IsNotAskedForWhatIsOver) {
  TransactionDesk desk;
  EXPECT_TRUE(desk.ask({.ask = Ask::Init}));
  desk.finish_ready(1);
  EXPECT_FALSE(desk.ask({.ask = Ask::Init})) << "its caller was slow: another epoch is not wanted";
  EXPECT_FALSE(desk.ask({.ask = Ask::SendOffsets}));
  EXPECT_TRUE(desk.begin());
  EXPECT_FALSE(desk.ask({.ask = Ask::Commit}));
  EXPECT_FALSE(desk.ask({.ask = Ask::Abort}));
  EXPECT_TRUE(desk.ask({.ask = Ask::SendOffsets}));
}

TEST(TransactionDesk, TellsNoOneOfAnEarlierTransactionOnceAnotherHasBegun) {
  TransactionDesk desk;
  open(desk, State::Ending);
  const auto ticket = desk.ask({.ask = Ask::Commit});
  ASSERT_TRUE(ticket);
  desk.finish_ready(*ticket);  // its caller had stopped waiting
  EXPECT_TRUE(desk.begin());
  EXPECT_FALSE(desk.unclaimed(Ask::Commit)) << "this one is not committed";
  EXPECT_EQ(desk.state(), State::Open);
}

TEST(TransactionDesk, TakesOtherOffsetsForAnotherRequest) {
  TransactionDesk desk;
  open(desk, State::Open);
  const CommittedOffset first{"t", 0, 5, -1, {}};
  const CommittedOffset second{"t", 0, 6, -1, {}};
  const auto ticket = desk.ask({.ask = Ask::SendOffsets, .offsets = {first}});
  EXPECT_EQ(desk.ask({.ask = Ask::SendOffsets, .offsets = {first}}), ticket);
  EXPECT_FALSE(desk.ask({.ask = Ask::SendOffsets, .offsets = {second}}))
      << "the answer to the first says nothing about these";
}

TEST(TransactionDesk, KeepsTheFirstTroubleUntilTheNextTransaction) {
  TransactionDesk desk;
  desk.finish_ready(0);
  EXPECT_TRUE(desk.begin());
  desk.fail(State::AbortNeeded, ErrorCode::TransactionAbortable, "first");
  desk.fail(State::AbortNeeded, ErrorCode::TransactionAbortable, "second");
  EXPECT_NE(desk.trouble().message().find("first"), std::string::npos);
  EXPECT_FALSE(desk.takes_records());
  desk.finish_ready(0);
  EXPECT_EQ(desk.trouble().code(), ErrorCode::InvalidTransactionState);
}

TEST(TransactionDesk, FatalStays) {
  TransactionDesk desk;
  desk.finish_ready(0);
  EXPECT_TRUE(desk.begin());
  desk.fail(State::AbortNeeded, ErrorCode::TransactionAbortable, "mild");
  desk.fail(State::Fatal, ErrorCode::ProducerFenced, "fenced");
  desk.fail(State::AbortNeeded, ErrorCode::TransactionAbortable, "late");
  EXPECT_EQ(desk.state(), State::Fatal);
  EXPECT_EQ(desk.trouble().code(), ErrorCode::ProducerFenced);
}

TEST(TransactionVerdict, TellsFencedAbortableAndFatalApart) {
  const auto judge = [](wire::ErrorCode code) {
    return judge_transaction(static_cast<std::int16_t>(code));
  };
  using enum wire::ErrorCode;
  EXPECT_EQ(judge(kNone), TransactionVerdict::Done);
  EXPECT_EQ(judge(kConcurrentTransactions), TransactionVerdict::Retry);
  EXPECT_EQ(judge(kCoordinatorLoadInProgress), TransactionVerdict::Retry);
  EXPECT_EQ(judge(kNotCoordinator), TransactionVerdict::FindAgain);
  EXPECT_EQ(judge(kProducerFenced), TransactionVerdict::Fenced);
  EXPECT_EQ(judge(kTransactionAbortable), TransactionVerdict::Abortable);
  EXPECT_EQ(judge(kIllegalGeneration), TransactionVerdict::Abortable);
  EXPECT_EQ(judge(kTransactionalIdAuthorizationFailed), TransactionVerdict::Fatal);
  EXPECT_EQ(judge(kInvalidTxnState), TransactionVerdict::Fatal);
  EXPECT_EQ(judge_transaction(9'999), TransactionVerdict::Fatal);
}

}  // namespace
}  // namespace spillway
