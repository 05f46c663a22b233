// The dev broker as a client that we did not write sees it: librdkafka produces, librdkafka reads
// back.
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "testing/dev_broker/dev_broker.h"

namespace spillway::dev {
namespace {

using std::chrono::milliseconds;

constexpr std::int32_t kPartitions = 6;
constexpr int kRecords = 30'000;
constexpr int kPollMs = 100;
constexpr int kFlushMs = 60'000;

struct Closer {
  void operator()(rd_kafka_t* client) const { rd_kafka_destroy(client); }
};
using Client = std::unique_ptr<rd_kafka_t, Closer>;

struct Fates {
  int delivered = 0;
  int failed = 0;
};

void on_delivery(rd_kafka_t* /*client*/, const rd_kafka_message_t* message, void* opaque) {
  auto& fates = *static_cast<Fates*>(opaque);
  (message->err == RD_KAFKA_RESP_ERR_NO_ERROR ? fates.delivered : fates.failed) += 1;
}

using Settings = std::map<std::string, std::string>;

Client open_client(rd_kafka_type_t type, const Settings& settings, Fates* fates) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  char problem[512] = "";
  for (const auto& [name, value] : settings) {
    EXPECT_EQ(rd_kafka_conf_set(conf, name.c_str(), value.c_str(), problem, sizeof(problem)),
              RD_KAFKA_CONF_OK)
        << problem;
  }
  rd_kafka_conf_set_opaque(conf, fates);
  if (fates != nullptr) rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
  Client client(rd_kafka_new(type, conf, problem, sizeof(problem)));
  EXPECT_NE(client, nullptr) << problem;
  return client;
}

Client open_producer(DevBroker& broker, Fates& fates, const std::string& codec = "none") {
  return open_client(RD_KAFKA_PRODUCER,
                     {{"bootstrap.servers", broker.bootstrap()},
                      {"enable.idempotence", "true"},
                      {"compression.codec", codec},
                      {"linger.ms", "2"},
                      {"batch.num.messages", "200"},
                      {"reconnect.backoff.max.ms", "200"},
                      {"retry.backoff.ms", "20"},
                      {"log_level", "0"}},
                     &fates);
}

// Record i goes to partition i mod kPartitions, with i in its key and i-many bytes, up to 300, in
// its value.
std::string value_of(int i) {
  return std::string(static_cast<std::size_t>(i % 300), static_cast<char>(i));
}

bool send_one(rd_kafka_t* client, int i) {
  const std::string key = std::to_string(i);
  const std::string value = value_of(i);
  while (true) {
    const auto error =
        rd_kafka_producev(client, RD_KAFKA_V_TOPIC("t"), RD_KAFKA_V_PARTITION(i % kPartitions),
                          RD_KAFKA_V_KEY(key.data(), key.size()),
                          RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
                          RD_KAFKA_V_HEADER("i", key.data(), static_cast<ssize_t>(key.size())),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) return error == RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_poll(client, kPollMs);
  }
}

void send_all(rd_kafka_t* client, int records) {
  for (int i = 0; i < records; ++i) {
    ASSERT_TRUE(send_one(client, i));
    rd_kafka_poll(client, 0);
  }
  ASSERT_EQ(rd_kafka_flush(client, kFlushMs), RD_KAFKA_RESP_ERR_NO_ERROR);
}

// Every record once, in order, byte for byte, according to the broker's own log.
void expect_log_is_exact(DevBroker& broker, int records) {
  for (std::int32_t partition = 0; partition < kPartitions; ++partition) {
    int expected = partition;
    for (const DevRecord& record : broker.records("t", partition)) {
      ASSERT_EQ(record.key, std::to_string(expected)) << "partition " << partition;
      ASSERT_EQ(record.value.value_or("null"), value_of(expected));
      ASSERT_EQ(record.headers.at(0), (DevHeader{"i", std::to_string(expected)}));
      expected += kPartitions;
    }
    EXPECT_GE(expected, records) << "partition " << partition << " ends early";
  }
}

struct Read {
  int records = 0;
  std::map<std::int32_t, int> next;  // per partition: the record expected
};

void check_one(const rd_kafka_message_t& message, Read& read) {
  const auto [place, fresh] = read.next.try_emplace(message.partition, message.partition);
  const std::string key(static_cast<const char*>(message.key), message.key_len);
  const std::string value(static_cast<const char*>(message.payload), message.len);
  ASSERT_EQ(key, std::to_string(place->second));
  ASSERT_EQ(value, value_of(place->second));
  place->second += kPartitions;
  read.records += 1;
}

// The same through the consumer: assigned by hand, from the beginning, to the end of each
// partition.
void expect_consumer_sees(DevBroker& broker, int records) {
  Client client = open_client(RD_KAFKA_CONSUMER,
                              {{"bootstrap.servers", broker.bootstrap()},
                               {"group.id", "none"},
                               {"enable.auto.commit", "false"},
                               {"enable.partition.eof", "true"},
                               {"log_level", "0"}},
                              nullptr);
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(kPartitions);
  for (std::int32_t partition = 0; partition < kPartitions; ++partition) {
    rd_kafka_topic_partition_list_add(list, "t", partition)->offset = RD_KAFKA_OFFSET_BEGINNING;
  }
  rd_kafka_assign(client.get(), list);
  rd_kafka_topic_partition_list_destroy(list);
  Read read;
  int ended = 0;
  const auto deadline = std::chrono::steady_clock::now() + milliseconds(kFlushMs);
  while (ended < kPartitions && std::chrono::steady_clock::now() < deadline) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(client.get(), kPollMs);
    if (message == nullptr) continue;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) ended += 1;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) check_one(*message, read);
    rd_kafka_message_destroy(message);
    if (::testing::Test::HasFatalFailure()) break;
  }
  EXPECT_EQ(read.records, records);
  rd_kafka_consumer_close(client.get());
}

TEST(Librdkafka, ReadsBackEveryByteItProduced) {
  DevBroker broker({.nodes = 3, .topics = {{"t", kPartitions}}});
  Fates fates;
  send_all(open_producer(broker, fates).get(), kRecords);
  EXPECT_EQ(fates.delivered, kRecords);
  expect_log_is_exact(broker, kRecords);
  expect_consumer_sees(broker, kRecords);
}

TEST(Librdkafka, LogsInWithEachMechanism) {
  constexpr int kFew = 60;
  for (const char* mechanism : {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}) {
    SCOPED_TRACE(mechanism);
    DevBroker broker(
        {.topics = {{"t", kPartitions}}, .sasl = {.passwords = {{"a,b=c", "secret"}}}});
    Fates fates;
    const Client client = open_client(RD_KAFKA_PRODUCER,
                                      {{"bootstrap.servers", broker.bootstrap()},
                                       {"security.protocol", "SASL_PLAINTEXT"},
                                       {"sasl.mechanism", mechanism},
                                       {"sasl.username", "a,b=c"},
                                       {"sasl.password", "secret"},
                                       {"log_level", "0"}},
                                      &fates);
    send_all(client.get(), kFew);
    EXPECT_EQ(fates.delivered, kFew);
    expect_log_is_exact(broker, kFew);
  }
}

TEST(Librdkafka, ReadsBackCompressedBatches) {
  DevBroker broker({.nodes = 1, .topics = {{"t", kPartitions}}});
  Fates fates;
  send_all(open_producer(broker, fates, "lz4").get(), kRecords / 10);
  EXPECT_EQ(fates.delivered, kRecords / 10);
  expect_consumer_sees(broker, kRecords / 10);
}

void must(rd_kafka_error_t* error) {
  ASSERT_EQ(error, nullptr) << rd_kafka_error_string(error);
}

void send_range(rd_kafka_t* client, int begin, int end) {
  must(rd_kafka_begin_transaction(client));
  for (int i = begin; i < end; ++i) ASSERT_TRUE(send_one(client, i));
}

// librdkafka's consumer reads what is committed unless told otherwise.
TEST(Librdkafka, SeesOnlyWhatItCommitted) {
  constexpr int kFew = 600;
  DevBroker broker({.nodes = 3, .topics = {{"t", kPartitions}}});
  Fates fates;
  const Client client = open_client(RD_KAFKA_PRODUCER,
                                    {{"bootstrap.servers", broker.bootstrap()},
                                     {"transactional.id", "interop"},
                                     {"linger.ms", "2"},
                                     {"retry.backoff.ms", "20"},
                                     {"log_level", "0"}},
                                    &fates);
  must(rd_kafka_init_transactions(client.get(), kFlushMs));
  send_range(client.get(), 0, kFew);
  must(rd_kafka_commit_transaction(client.get(), kFlushMs));
  send_range(client.get(), 5, 5 + kFew);
  ASSERT_EQ(rd_kafka_flush(client.get(), kFlushMs), RD_KAFKA_RESP_ERR_NO_ERROR);
  must(rd_kafka_abort_transaction(client.get(), kFlushMs));
  send_range(client.get(), kFew, 2 * kFew);
  must(rd_kafka_commit_transaction(client.get(), kFlushMs));
  expect_consumer_sees(broker, 2 * kFew);
  send_range(client.get(), 7, kFew);  // open: nothing of it is stable
  ASSERT_EQ(rd_kafka_flush(client.get(), kFlushMs), RD_KAFKA_RESP_ERR_NO_ERROR);
  expect_consumer_sees(broker, 2 * kFew);
}

// Runs `trouble` again and again until destroyed.
class Trouble {
 public:
  template <typename Action>
  explicit Trouble(Action action)
      : thread_([this, action] {
          for (int round = 0; !done_; ++round) action(round);
        }) {}
  ~Trouble() {
    done_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> done_{false};
  std::thread thread_;
};

TEST(Librdkafka, StaysExactWhileLeadersMove) {
  DevBroker broker({.nodes = 3, .topics = {{"t", kPartitions}}});
  Fates fates;
  {
    const Client client = open_producer(broker, fates);
    const Trouble moves([&](int round) {
      broker.move_leader("t", round % kPartitions, kFirstNodeId + round % 3);
      std::this_thread::sleep_for(milliseconds(15));
    });
    send_all(client.get(), kRecords);
  }
  EXPECT_EQ(fates.delivered, kRecords);
  expect_log_is_exact(broker, kRecords);
}

TEST(Librdkafka, StaysExactWhileNodesGoAndComeBack) {
  DevBroker broker({.nodes = 3, .topics = {{"t", kPartitions}}});
  Fates fates;
  {
    const Client client = open_producer(broker, fates);
    const Trouble outages([&](int round) {
      const std::int32_t node = kFirstNodeId + round % 3;
      broker.stop_node(node);
      std::this_thread::sleep_for(milliseconds(60));
      broker.start_node(node);
      std::this_thread::sleep_for(milliseconds(60));
    });
    send_all(client.get(), kRecords);
  }
  EXPECT_EQ(fates.delivered, kRecords);
  expect_log_is_exact(broker, kRecords);
  expect_consumer_sees(broker, kRecords);
}

TEST(Librdkafka, StaysExactWhenAnswersAreLost) {
  DevBroker broker({.nodes = 3, .topics = {{"t", kPartitions}}});
  const FaultId lost = broker.faults().add({.kind = FaultKind::CloseAfter,
                                            .api = ApiKey::kProduce,
                                            .times = FaultRule::kForever,
                                            .probability = 0.05});
  Fates fates;
  send_all(open_producer(broker, fates).get(), kRecords);
  EXPECT_GT(broker.faults().hits(lost), 0U);
  EXPECT_EQ(fates.delivered, kRecords);
  expect_log_is_exact(broker, kRecords);
}

// The check above is only worth something if it can fail: without idempotence lost answers double
// records.
TEST(Librdkafka, DoublesRecordsWithoutIdempotenceWhenAnswersAreLost) {
  DevBroker broker({.nodes = 1, .topics = {{"t", 1}}});
  broker.faults().add({.kind = FaultKind::CloseAfter, .api = ApiKey::kProduce, .times = 3});
  Fates fates;
  const Client client = open_client(
      RD_KAFKA_PRODUCER,
      {{"bootstrap.servers", broker.bootstrap()}, {"retry.backoff.ms", "20"}, {"log_level", "0"}},
      &fates);
  for (int i = 0; i < 600; i += kPartitions) ASSERT_TRUE(send_one(client.get(), i));
  ASSERT_EQ(rd_kafka_flush(client.get(), kFlushMs), RD_KAFKA_RESP_ERR_NO_ERROR);
  EXPECT_GT(broker.end_offset("t", 0), 100);
}

}  // namespace
}  // namespace spillway::dev
