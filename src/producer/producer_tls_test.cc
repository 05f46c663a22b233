// A whole producer over TLS against the embedded broker: what is sent arrives, and what is wrong is
// said by the call that meets it.
#include "net/tls_test_support.h"
#include "producer/producer_test_support.h"

namespace spillway {
namespace {

class ProducerTls : public ::testing::Test {
 protected:
  ProducerTls() {
    folder_.write("ca.pem", authority_.certificate());
    give_broker(authority_.issue({}));
  }
  void give_broker(const Identity& identity) {
    folder_.write("broker.pem", identity.certificate);
    folder_.write("broker.key", identity.key);
  }
  [[nodiscard]] dev::DevBrokerOptions broker_options() const {
    return {.topics = {{"t", 1}},
            .tls = {.certificate = folder_.path("broker.pem"), .key = folder_.path("broker.key")}};
  }
  [[nodiscard]] Options options(dev::DevBroker& broker) const {
    Options options = small_options(broker.bootstrap());
    options.tls = Tls{.ca = folder_.path("ca.pem")};
    return options;
  }
  // The sentence of a topic() call that cannot succeed.
  static std::string trouble(const Options& options) {
    auto producer = Producer::open(options);
    EXPECT_TRUE(producer) << producer.error().message();
    if (!producer) return "";
    const auto topic = producer->topic("t", 500ms);
    EXPECT_FALSE(topic);
    if (topic) return "";
    EXPECT_EQ(topic.error().code(), ErrorCode::Unreachable);
    return topic.error().message();
  }

  Folder folder_;
  Authority authority_{"Authority"};
};

TEST_F(ProducerTls, DeliversSmallAndLargeRecordsInOrder) {
  dev::DevBroker broker(broker_options());
  ASSERT_EQ(broker.error(), "");
  auto producer = Producer::open(options(broker));
  ASSERT_TRUE(producer) << producer.error().message();
  EXPECT_NE(producer->plan().find("TLS"), std::string::npos);
  auto topic = producer->topic("t", kPatience);
  ASSERT_TRUE(topic) << topic.error().message();
  constexpr std::size_t kRecords = 3'000;
  Deliveries deliveries(kRecords);
  std::vector<std::string> sent;
  for (std::size_t i = 0; i < kRecords; ++i) {
    sent.push_back(std::to_string(i) + std::string(i % 50 == 0 ? 50'000 : i % 700, 'v'));
    ASSERT_TRUE(producer->send(*topic, {.value = sent.back()}, deliveries.completion(i)));
  }
  ASSERT_TRUE(producer->flush(kPatience));
  EXPECT_EQ(deliveries.count(Fate::Delivered), kRecords);
  EXPECT_TRUE(values(broker) == sent);
  expect_ledger_identity(producer->snapshot());
}

TEST_F(ProducerTls, ABrokerWhoseCertificateIsNotVerifiedGetsNothing) {
  const Authority foreign("Foreign");
  give_broker(foreign.issue({}));
  dev::DevBroker broker(broker_options());
  const std::string said = trouble(options(broker));
  EXPECT_NE(said.find("TLS handshake failed: nobody in"), std::string::npos) << said;
  EXPECT_NE(said.find(broker.bootstrap()), std::string::npos) << said;
}

TEST_F(ProducerTls, APlaintextListenerIsNamed) {
  dev::DevBroker broker({.topics = {{"t", 1}}});
  const std::string said = trouble(options(broker));
  EXPECT_NE(said.find("TLS handshake failed"), std::string::npos) << said;
  EXPECT_NE(said.find("use the port of its TLS listener"), std::string::npos) << said;
}

TEST_F(ProducerTls, APlaintextProducerAtATlsListenerIsTold) {
  dev::DevBroker broker(broker_options());
  Options plain = options(broker);
  plain.tls.reset();
  const std::string said = trouble(plain);
  EXPECT_NE(said.find(broker.bootstrap()), std::string::npos) << said;
}

TEST_F(ProducerTls, ABrokerThatWantsACertificateIsNamedAndServedWithOne) {
  dev::DevBrokerOptions wants = broker_options();
  wants.tls.client_ca = folder_.path("ca.pem");
  dev::DevBroker broker(wants);
  Options mine = options(broker);
  const std::string said = trouble(mine);
  EXPECT_NE(said.find("asks for a client certificate"), std::string::npos) << said;
  const Identity identity = authority_.issue({.common_name = "client"});
  folder_.write("client.pem", identity.certificate);
  folder_.write("client.key", encrypted_key(identity.key, "secret"));
  mine.tls->certificate = folder_.path("client.pem");
  mine.tls->key = folder_.path("client.key");
  mine.tls->key_password = "secret";
  auto producer = Producer::open(mine);
  ASSERT_TRUE(producer) << producer.error().message();
  auto topic = producer->topic("t", kPatience);
  ASSERT_TRUE(topic) << topic.error().message();
  EXPECT_TRUE(producer->send_and_wait(*topic, {.value = "v"}, kPatience));
}

TEST_F(ProducerTls, FilesThatCannotBeUsedRefuseAtOpen) {
  dev::DevBroker broker(broker_options());
  Options bad = options(broker);
  bad.tls->ca = folder_.path("none.pem");
  const auto refused = Producer::open(bad);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::InvalidArgument);
  EXPECT_NE(refused.error().message().find(bad.tls->ca), std::string::npos);
}

TEST_F(ProducerTls, RecordsAreKeptWhileTheCertificateIsWrongAndGoWhenItIsRight) {
  dev::DevBroker first(broker_options());
  Options mine = options(first);
  auto producer = Producer::open(mine);
  ASSERT_TRUE(producer) << producer.error().message();
  auto topic = producer->topic("t", kPatience);
  ASSERT_TRUE(topic) << topic.error().message();
  // The authority goes, the connections too: nobody is trusted now.
  folder_.write("ca.pem", Authority("Foreign").certificate());
  first.stop_node(1);
  first.start_node(1);
  Deliveries deliveries(10);
  for (std::size_t i = 0; i < 10; ++i)
    ASSERT_TRUE(producer->send(*topic, {.value = "v"}, deliveries.completion(i)));
  const auto other = producer->topic("other", 300ms);
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message().find("nobody in"), std::string::npos);
  EXPECT_EQ(deliveries.count(), 0U);
  folder_.write("ca.pem", authority_.certificate());
  ASSERT_TRUE(producer->flush(kPatience));
  EXPECT_EQ(deliveries.count(Fate::Delivered), 10U);
  EXPECT_EQ(values(first).size(), 10U);
  expect_ledger_identity(producer->snapshot());
}

}  // namespace
}  // namespace spillway
