// A whole producer that logs in to the embedded broker: what a login costs, and what it must not.
#include <atomic>

#include "producer/producer_test_support.h"

namespace spillway {
namespace {

constexpr const char* kPassword = "correct-horse-battery-staple";

// Every sentence that an application may see.
class Sentences final : public Observer {
 public:
  void on_event(Severity, std::string_view sentence) noexcept override {
    const std::lock_guard lock(mutex_);
    all_.emplace_back(sentence);
  }
  bool any_with(std::string_view words) {
    const std::lock_guard lock(mutex_);
    return std::ranges::any_of(
        all_, [&](const std::string& each) { return each.find(words) != std::string::npos; });
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> all_;
};

class ProducerSasl : public ::testing::Test {
 protected:
  Options options(Sasl sasl) {
    Options options = small_options(broker_.bootstrap());
    options.sasl = std::move(sasl);
    options.observer = &sentences_;
    return options;
  }
  static Sasl ann(SaslMechanism mechanism, const char* password = kPassword) {
    return {mechanism, "ann", password, nullptr};
  }
  void expect_no_secret(std::string_view secret) {
    EXPECT_FALSE(sentences_.any_with(secret));
    EXPECT_FALSE(sentences_.any_with("correct-horse"));
  }

  dev::DevBroker broker_{
      {.topics = {{"t", 1}},
       .sasl = {.passwords = {{"ann", kPassword}}, .tokens = {"token"}, .session = 1500ms}}};
  Sentences sentences_;
};

TEST_F(ProducerSasl, DeliversInOrderWhileItsLoginsEnd) {
  auto producer = Producer::open(options(ann(SaslMechanism::ScramSha512)));
  ASSERT_TRUE(producer) << producer.error().message();
  EXPECT_NE(producer->plan().find("authentication"), std::string::npos);
  auto topic = producer->topic("t", kPatience);
  ASSERT_TRUE(topic) << topic.error().message();
  std::vector<std::string> sent;
  while (producer->snapshot().authentications < 5 && sent.size() < 20'000) {
    sent.push_back(std::to_string(sent.size()));
    ASSERT_TRUE(producer->send(*topic, {.value = sent.back()}));
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_GE(producer->snapshot().authentications, 5u);
  ASSERT_TRUE(producer->flush(kPatience));
  EXPECT_EQ(values(broker_), sent);
  const Snapshot now = producer->snapshot();
  EXPECT_EQ(now.batches_retried, 0u);
  EXPECT_EQ(now.authentications_failed, 0u);
  expect_ledger_identity(now);
  expect_no_secret(kPassword);
}

TEST_F(ProducerSasl, AWrongPasswordIsAWordOfItsOwnAndInNoSentence) {
  for (const SaslMechanism mechanism : {SaslMechanism::Plain, SaslMechanism::ScramSha256}) {
    auto producer = Producer::open(options(ann(mechanism, "open-sesame-and-more")));
    ASSERT_TRUE(producer) << producer.error().message();
    const auto topic = producer->topic("t", 500ms);
    ASSERT_FALSE(topic);
    EXPECT_EQ(topic.code(), ErrorCode::AuthenticationFailed);
    EXPECT_EQ(topic.error().action(), Action::Fix);
    const std::string sentence = topic.error().message();
    EXPECT_NE(sentence.find("broker 127.0.0.1:"), std::string::npos) << sentence;
    EXPECT_EQ(sentence.find("sesame"), std::string::npos) << sentence;
    EXPECT_GE(producer->snapshot().authentications_failed, 2u) << "it is tried again";
    EXPECT_EQ(producer->snapshot().authentications, 0u);
  }
  EXPECT_TRUE(sentences_.any_with("credentials"));
  expect_no_secret("sesame");
}

TEST_F(ProducerSasl, RecordsWaitForALoginThatSucceedsLate) {
  auto producer = Producer::open(options(ann(SaslMechanism::Plain)));
  ASSERT_TRUE(producer) << producer.error().message();
  auto topic = producer->topic("t", kPatience);
  ASSERT_TRUE(topic) << topic.error().message();
  const auto refusal = broker_.faults().add({.kind = dev::FaultKind::Error,
                                             .api = dev::ApiKey::kSaslAuthenticate,
                                             .times = dev::FaultRule::kForever,
                                             .error = dev::KafkaError::kSaslAuthenticationFailed});
  broker_.stop_node(1, false);
  broker_.start_node(1);
  std::vector<std::string> sent;
  for (int i = 0; i < 100; ++i) {
    sent.push_back(std::to_string(i));
    ASSERT_TRUE(producer->send(*topic, {.value = sent.back()}));
  }
  ASSERT_TRUE(eventually([&] { return producer->snapshot().authentications_failed >= 3; }));
  EXPECT_EQ(producer->snapshot().ledger.held, sent.size());
  broker_.faults().remove(refusal);
  ASSERT_TRUE(producer->flush(kPatience));
  EXPECT_EQ(values(broker_), sent);
}

TEST_F(ProducerSasl, ATokenThatComesLateIsAskedForAgain) {
  std::atomic<bool> there{false};
  auto producer = Producer::open(options({SaslMechanism::OAuthBearer, "", "", [&there] {
                                            return OAuthToken{there ? "token" : "", {}};
                                          }}));
  ASSERT_TRUE(producer) << producer.error().message();
  const auto early = producer->topic("t", 300ms);
  EXPECT_EQ(early.code(), ErrorCode::AuthenticationFailed) << early.error().message();
  there = true;
  auto topic = producer->topic("t", kPatience);
  ASSERT_TRUE(topic) << topic.error().message();
  ASSERT_TRUE(producer->send(*topic, {.value = "late"}));
  ASSERT_TRUE(producer->flush(kPatience));
  EXPECT_EQ(values(broker_), std::vector<std::string>{"late"});
}

TEST_F(ProducerSasl, OptionsThatCannotLogInAreRefusedWhenItOpens) {
  for (const Sasl& sasl : {ann(SaslMechanism::Plain, ""), ann(SaslMechanism::Gssapi),
                           ann(SaslMechanism::OAuthBearer), Sasl{}}) {
    const auto producer = Producer::open(options(sasl));
    ASSERT_FALSE(producer);
    EXPECT_EQ(producer.code(), ErrorCode::InvalidOption);
    EXPECT_NE(producer.error().message().find("sasl."), std::string::npos);
    EXPECT_EQ(producer.error().message().find(kPassword), std::string::npos);
  }
}

}  // namespace
}  // namespace spillway
