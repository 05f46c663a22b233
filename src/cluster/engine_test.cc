// The engine in seeded storms: see engine_test_support.h. SPILLWAY_SEED=n replays, SPILLWAY_SEEDS=n
// tries more.
#include "cluster/engine_test_support.h"

#include <gtest/gtest.h>

namespace spillway {
namespace {

void simulate(std::uint64_t seed) {
  SCOPED_TRACE("SPILLWAY_SEED=" + std::to_string(seed));
  Random random(seed);
  Simulation simulation(seed, shape_of(random));
  simulation.run();
  if (!::testing::Test::HasFatalFailure()) simulation.check();
}

TEST(Engine, KeepsEveryPromiseUnderEverySeededStorm) {
  const std::uint64_t first = from_env("SPILLWAY_SEED", 1);
  const std::uint64_t count =
      std::getenv("SPILLWAY_SEED") != nullptr ? 1 : from_env("SPILLWAY_SEEDS", 200);
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    simulate(seed);
    if (HasFailure()) {
      std::printf("replay: SPILLWAY_SEED=%llu\n", static_cast<unsigned long long>(seed));
      return;
    }
  }
}

// Each needless epoch is a fence around whatever of the old one is still on its way.
TEST(Engine, MovingLeadersCostsNoEpoch) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Shape shape = shape_of(random);
    shape.options.idempotence = true;
    shape.options.delivery_timeout = 0ms;
    shape.nodes = 3;
    shape = peaceful(shape);
    Simulation simulation(seed, shape);
    simulation.run();
    simulation.check();
    ASSERT_EQ(simulation.counters().epoch_bumps.load(), 0u);
    ASSERT_FALSE(HasFailure());
  }
}

// The table of brokers holds two: the one that comes needs the slot of the one that went.
TEST(Engine, GivesTheSlotOfABrokerThatLeftToOneThatComes) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Shape shape = peaceful(shape_of(random));
    shape.options.delivery_timeout = 0ms;
    shape.options.metadata_age_max = 500ms;
    shape.options.brokers_max = 2;
    shape.nodes = 3;
    shape.replaces = true;
    Simulation simulation(seed, shape);
    simulation.run();
    simulation.check();
    ASSERT_FALSE(HasFailure());
  }
}

TEST(Engine, StartsFromTheBootstrapAddressesAgainWhenToldTo) {
  Random random(3);
  Shape shape = peaceful(shape_of(random));
  shape.options.delivery_timeout = 0ms;
  shape.options.metadata_age_max = 500ms;
  shape.storm = 5s;
  Simulation simulation(3, shape);
  const auto told = simulation.faults().add({.kind = FaultKind::Error,
                                             .api = ApiKey::kMetadata,
                                             .skip = 2,
                                             .times = 3,
                                             .error = KafkaError::kRebootstrapRequired});
  simulation.run();
  simulation.check();
  EXPECT_EQ(simulation.faults().hits(told), 3u);
}

// A throttled broker mutes the connection, so what is in flight is answered late, and not in doubt.
TEST(Engine, GivesAThrottledBrokerTheTimeItAskedFor) {
  Random random(2);
  Shape shape = peaceful(shape_of(random));
  shape.options.delivery_timeout = 0ms;
  shape.options.request_timeout = 1s;
  shape.options.in_flight_max = 5;
  shape.options.linger = 0ms;
  shape.nodes = 1;
  Simulation simulation(2, shape);
  const auto rule = [](FaultKind kind, std::uint64_t skip, std::chrono::milliseconds delay) {
    FaultRule made;
    made.kind = kind;
    made.api = ApiKey::kProduce;
    made.skip = skip;
    made.delay = delay;
    return made;
  };
  (void)simulation.faults().add(rule(FaultKind::Throttle, 10, 3'000ms));
  const auto late = simulation.faults().add(rule(FaultKind::Delay, 11, 2'000ms));
  simulation.run();
  simulation.check();
  EXPECT_EQ(simulation.faults().hits(late), 1u);
  EXPECT_EQ(simulation.counters().batches_retried.load(), 0u);
}

TEST(Engine, AsksAgainForARefusedProducerIdWithoutBeingPushed) {
  Random random(1);
  Shape shape = shape_of(random);
  shape.options.idempotence = true;
  shape.options.delivery_timeout = 0ms;
  shape.options.metadata_age_max = 300s;
  shape.records = 1;
  shape.storm = 0s;
  shape = peaceful(shape);
  Simulation simulation(1, shape);
  const auto refusal = simulation.faults().add({.kind = FaultKind::Error,
                                                .api = ApiKey::kInitProducerId,
                                                .times = 3,
                                                .error = KafkaError::kCoordinatorLoadInProgress});
  simulation.run();
  simulation.check();
  EXPECT_EQ(simulation.faults().hits(refusal), 3u);
  EXPECT_LT(simulation.wait_max(), 2s);
}

// Nobody answers, so only what comes behind such a request can tell that it is out.
TEST(Engine, AsksForNoAnswerAndWaitsForNone) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Shape shape = shape_of(random);
    shape.options.idempotence = false;
    shape.options.acks = Acks::None;
    shape.options.delivery_timeout = 0ms;
    shape.options.metadata_age_max = 600ms;
    shape.records = 20 + random.below(100);
    shape.pace = 20;
    shape.nodes = 1;
    shape = peaceful(shape);
    Simulation simulation(seed, shape);
    simulation.faults().add({.kind = FaultKind::Delay,
                             .api = ApiKey::kMetadata,
                             .skip = 1,
                             .times = FaultRule::kForever,
                             .delay = 300ms});
    simulation.run();
    simulation.check();
    ASSERT_EQ(simulation.counters().batches_retried.load(), 0u);
    ASSERT_LT(simulation.wait_max(), 550ms) << "a batch waited for an answer that nobody owes";
    ASSERT_FALSE(HasFailure());
  }
}

}  // namespace
}  // namespace spillway
