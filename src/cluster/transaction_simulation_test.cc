// Transactions in seeded storms: see transaction_test_support.h. SPILLWAY_SEED=n replays,
// SPILLWAY_SEEDS=n tries more.
#include "cluster/transaction_test_support.h"

#include <gtest/gtest.h>

namespace spillway {
namespace {

struct Totals {
  std::size_t committed = 0;
  std::size_t aborted = 0;
  std::size_t fatal = 0;
};

void simulate(std::uint64_t seed, Totals& totals) {
  SCOPED_TRACE("SPILLWAY_SEED=" + std::to_string(seed));
  Random random(seed);
  TransactionSimulation simulation(seed, transaction_shape_of(random));
  simulation.run();
  if (!::testing::Test::HasFatalFailure()) simulation.check();
  totals.committed += simulation.ended(Attempt::End::Committed);
  totals.aborted += simulation.ended(Attempt::End::Aborted);
  totals.fatal += simulation.state() == TransactionState::Fatal ? 1 : 0;
}

TEST(TransactionSimulation, IsSeenWholeOrNotAtAllUnderEverySeededStorm) {
  const std::uint64_t first = from_env("SPILLWAY_SEED", 1);
  const std::uint64_t count =
      std::getenv("SPILLWAY_SEED") != nullptr ? 1 : from_env("SPILLWAY_SEEDS", 150);
  Totals totals;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    simulate(seed, totals);
    if (HasFailure()) {
      std::printf("replay: SPILLWAY_SEED=%llu\n", static_cast<unsigned long long>(seed));
      return;
    }
  }
  std::printf("%zu committed, %zu aborted, %zu runs ended fatally\n", totals.committed,
              totals.aborted, totals.fatal);
  if (count < 100) return;
  EXPECT_GT(totals.committed, count) << "a storm in which nothing is committed shows nothing";
  EXPECT_GT(totals.aborted, count);
  EXPECT_GT(totals.fatal, count / 20);
}

// Rare: seed 2222 asks for an abort while AddPartitionsToTxn, soon refused, is on its way.
TEST(TransactionSimulation, DoesNotFenceItselfWhenAnEarlierRequestIsRefusedDuringAnAbort) {
  Totals totals;
  simulate(2222, totals);
}

// Without trouble nothing may fail, and every transaction but those that the caller aborts ends
// committed.
TEST(TransactionSimulation, CommitsWhateverItIsAskedToInPeace) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    TransactionShape shape = transaction_shape_of(random);
    shape.stormy = shape.fences = shape.times_out = false;
    shape.options.transaction_timeout = 60'000ms;
    shape.options.delivery_timeout = 0ms;
    TransactionSimulation simulation(seed, shape);
    simulation.run();
    simulation.check();
    ASSERT_EQ(simulation.state(), TransactionState::Ready);
    ASSERT_GT(simulation.ended(Attempt::End::Committed), 3u);
    ASSERT_FALSE(HasFailure());
  }
}

}  // namespace
}  // namespace spillway
