// Logging in to simulated brokers, and doing it again under load.
#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cluster/engine_test_support.h"

namespace spillway {
namespace {

constexpr const char* kPassword = "correct-horse-battery-staple";
const dev::SaslSettings kUsers{.passwords = {{"ann", kPassword}}};

Sasl ann(SaslMechanism mechanism, std::string password = kPassword) {
  return {mechanism, "ann", std::move(password), nullptr};
}

Sasl bearer(std::string token) {
  return {SaslMechanism::OAuthBearer, "", "", [token] { return OAuthToken{token, {}}; }};
}

class Notes final : public Observer {
 public:
  void on_event(Severity, std::string_view sentence) noexcept override {
    all.emplace_back(sentence);
  }
  std::vector<std::string> all;
};

// An engine that only connects: no records, no storms.
class Lab {
 public:
  Lab(const dev::SaslSettings& users, std::optional<Sasl> sasl, dev::VersionCaps caps = {})
      : options_(options(std::move(sasl))),
        cluster_({.sasl = users}),
        network_(cluster_, faults, caps, 1),
        pool_({8 * kMiB, 1 * kMiB, 256 * kKiB, 1 * kMiB}),
        topics_(options_),
        fates_(&notes),
        engine(options_, network_.bootstrap(), pool_, network_, fates_, topics_) {
    engine.topics_added();
  }

  // Nothing but the engine's own deadlines wakes it.
  void run_for(MonoDuration time) {
    const MonoTime end = network_.now() + time;
    for (int turns = 0; network_.now() < end; ++turns) {
      ASSERT_LT(turns, 20'000) << "the engine spins";
      engine.work(network_.now());
      network_.poll(std::min(end, engine.deadline(network_.now())), engine);
    }
  }
  [[nodiscard]] std::size_t connections() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        notes.all, [](const std::string& note) { return note.starts_with("connected"); }));
  }
  [[nodiscard]] std::uint64_t authentications() const {
    return engine.counters().authentications.load();
  }
  [[nodiscard]] std::uint64_t refusals() const {
    return engine.counters().authentications_failed.load();
  }
  void expect_trouble(ErrorCode code, std::string_view words) const {
    const Engine::Trouble trouble = engine.last_trouble();
    EXPECT_EQ(trouble.code, code);
    EXPECT_NE(trouble.sentence.find(words), std::string::npos) << trouble.sentence;
    EXPECT_TRUE(trouble.sentence.starts_with("broker node1:9092")) << trouble.sentence;
  }

 private:
  static Options options(std::optional<Sasl> sasl) {
    Options options;
    options.sasl = std::move(sasl);
    options.brokers_max = options.topics_max = 4;
    options.partitions_max = 16;
    return options;
  }

 public:
  Notes notes;
  dev::Faults faults{1};

 private:
  Options options_;
  dev::DevCluster cluster_;
  dev::SimNetwork network_;
  Pool pool_;
  Topics topics_;
  Fates fates_;

 public:
  Engine engine;
};

TEST(Login, EachMechanismGetsIn) {
  dev::SaslSettings users = kUsers;
  users.tokens = {"token"};
  for (const Sasl& sasl : {ann(SaslMechanism::Plain), ann(SaslMechanism::ScramSha256),
                           ann(SaslMechanism::ScramSha512), bearer("token")}) {
    for (std::int16_t version = 0; version <= 2; ++version) {
      SCOPED_TRACE(std::string(name_of(sasl.mechanism)) + " v" + std::to_string(version));
      Lab lab(users, sasl, {{ApiKey::kSaslAuthenticate, version}});
      lab.run_for(2s);
      EXPECT_EQ(lab.authentications(), 1u);
      EXPECT_EQ(lab.engine.counters().brokers_connected.load(), 1u);
      EXPECT_EQ(lab.engine.last_trouble().sentence, "");
    }
  }
}

TEST(Login, ARefusalIsASentenceAndIsTriedAgainWithBackOff) {
  dev::SaslSettings users = kUsers;
  users.tokens = {"token"};
  const struct {
    Sasl sasl;
    const char* words;
  } cases[] = {
      {ann(SaslMechanism::Plain, "open-sesame"),
       "refuses our PLAIN credentials: Authentication failed"},
      {ann(SaslMechanism::ScramSha256, "open-sesame"), "refuses our SCRAM-SHA-256 credentials"},
      {ann(SaslMechanism::ScramSha512, "open-sesame"), "refuses our SCRAM-SHA-512 credentials"},
      {bearer("open-sesame"), "status invalid_token"},
      {bearer(""), "none at hand"},
      {bearer("a b"), "characters"},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.words);
    Lab lab(users, each.sasl);
    lab.run_for(10s);
    lab.expect_trouble(ErrorCode::AuthenticationFailed, each.words);
    EXPECT_EQ(lab.authentications(), 0u);
    EXPECT_GE(lab.refusals(), 5u);
    EXPECT_LE(lab.refusals(), 20u) << "10 s with a back-off of up to 1 s";
    EXPECT_EQ(lab.engine.counters().brokers_connected.load(), 0u);
    for (const std::string& note : lab.notes.all)
      EXPECT_EQ(note.find("open-sesame"), std::string::npos) << note;
  }
}

TEST(Login, TheWrongListenerIsNamed) {
  Lab other(kUsers, bearer("token"));
  other.run_for(1s);
  other.expect_trouble(ErrorCode::AuthenticationFailed, "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512");
  Lab open({}, ann(SaslMechanism::Plain));
  open.run_for(1s);
  open.expect_trouble(ErrorCode::AuthenticationFailed, "does not authenticate");
  Lab silent(kUsers, std::nullopt);
  silent.run_for(1s);
  const Engine::Trouble trouble = silent.engine.last_trouble();
  EXPECT_EQ(trouble.code, ErrorCode::Unreachable);
  EXPECT_NE(trouble.sentence.find("Options::sasl"), std::string::npos) << trouble.sentence;
}

TEST(Login, ABrokerTooOldForItIsTold) {
  Lab lab(kUsers, ann(SaslMechanism::Plain), {{ApiKey::kSaslHandshake, 0}});
  lab.run_for(1s);
  lab.expect_trouble(ErrorCode::AuthenticationFailed, "too old");
}

TEST(Login, AnyErrorOfTheHandshakeIsASentence) {
  Lab lab(kUsers, ann(SaslMechanism::Plain));
  lab.faults.add({.kind = FaultKind::Error,
                  .api = ApiKey::kSaslHandshake,
                  .times = FaultRule::kForever,
                  .error = KafkaError::kNetworkException});
  lab.run_for(1s);
  lab.expect_trouble(ErrorCode::AuthenticationFailed, "NETWORK_EXCEPTION");
}

TEST(Login, AnIdleConnectionLogsInAgainInTime) {
  dev::SaslSettings users = kUsers;
  users.session = 10s;
  Lab lab(users, ann(SaslMechanism::ScramSha256));
  lab.run_for(60s);
  EXPECT_GE(lab.authentications(), 6u);
  EXPECT_LE(lab.authentications(), 8u) << "at 85 to 95 % of ten seconds";
  EXPECT_EQ(lab.connections(), 1u);
  EXPECT_EQ(lab.engine.counters().brokers_connected.load(), 1u);
  EXPECT_EQ(lab.engine.last_trouble().sentence, "");
}

// An answer is due until the login has ended: logging in again would come too late.
TEST(Login, ALoginThatEndedTakesANewConnection) {
  dev::SaslSettings users = kUsers;
  users.session = 10s;
  Lab lab(users, ann(SaslMechanism::Plain));
  lab.faults.add({.kind = FaultKind::Delay, .api = ApiKey::kMetadata, .delay = 15s});
  lab.run_for(17s);
  EXPECT_EQ(lab.engine.counters().brokers_connected.load(), 0u);
  lab.engine.topics_added();  // now it is needed again
  lab.run_for(3s);
  EXPECT_EQ(lab.authentications(), 2u);
  EXPECT_EQ(lab.connections(), 2u);
  EXPECT_EQ(lab.engine.last_trouble().sentence, "") << "it was our own decision";
}

// Kafka refuses to be asked more than once a second; then only a new connection helps.
TEST(Login, ASessionTooShortToRenewCostsConnectionsButNoSpinning) {
  for (const auto session : {1ms, 300ms, 1000ms}) {
    dev::SaslSettings users = kUsers;
    users.session = session;
    Lab lab(users, ann(SaslMechanism::Plain));
    lab.run_for(10s);
    EXPECT_LE(lab.authentications(), 120u);
  }
}

TEST(Login, RenewingUnderLoadCostsNoRetryAndNoConnection) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Shape shape = shape_of(random);
    shape.sasl = kUsers;
    shape.sasl.session = std::chrono::milliseconds(1500 + random.below(1500));
    shape.options.sasl = ann(SaslMechanism::ScramSha256);
    shape.options.delivery_timeout = 0ms;
    shape.nodes = 1;
    shape.records = 3000;
    shape.storm = 8s;
    shape = peaceful(shape);
    Simulation simulation(seed, shape);
    simulation.run();
    simulation.check();
    EXPECT_EQ(simulation.counters().batches_retried.load(), 0u);
    EXPECT_GE(simulation.counters().authentications.load(), 4u);
    EXPECT_EQ(simulation.counters().authentications_failed.load(), 0u);
    ASSERT_FALSE(HasFailure());
  }
}

TEST(Login, EveryPromiseHoldsWhileLoginsEndAndFailInAStorm) {
  const std::uint64_t first = from_env("SPILLWAY_SEED", 1);
  const std::uint64_t count =
      std::getenv("SPILLWAY_SEED") != nullptr ? 1 : from_env("SPILLWAY_SEEDS", 100);
  constexpr SaslMechanism kMechanisms[] = {SaslMechanism::Plain, SaslMechanism::ScramSha256,
                                           SaslMechanism::ScramSha512};
  std::uint64_t refused = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE("SPILLWAY_SEED=" + std::to_string(seed));
    Random random(seed);
    Shape shape = shape_of(random);
    shape.sasl = kUsers;
    shape.sasl.session = std::chrono::milliseconds(1100 + random.below(1500));
    shape.options.sasl = ann(kMechanisms[random.below(3)]);
    shape.records = 600;
    shape.storm = 6s;
    shape.pace = 2;
    Simulation simulation(seed, shape);
    for (const ApiKey api : {ApiKey::kSaslHandshake, ApiKey::kSaslAuthenticate}) {
      simulation.faults().add({.kind = FaultKind::Error,
                               .api = api,
                               .times = FaultRule::kForever,
                               .probability = 0.05,
                               .error = KafkaError::kSaslAuthenticationFailed});
      simulation.faults().add({.kind = FaultKind::Delay,
                               .api = api,
                               .times = FaultRule::kForever,
                               .probability = 0.1,
                               .delay = 400ms});
    }
    simulation.run();
    if (!HasFatalFailure()) simulation.check();
    refused += simulation.counters().authentications_failed.load();
    if (HasFailure()) {
      std::printf("replay: SPILLWAY_SEED=%llu\n", static_cast<unsigned long long>(seed));
      return;
    }
  }
  EXPECT_TRUE(count < 10 || refused > 0) << "the faults were not felt";
}

}  // namespace
}  // namespace spillway
