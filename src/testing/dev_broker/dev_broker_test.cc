#include "testing/dev_broker/dev_broker.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "testing/dev_broker/test_client.h"

namespace spillway::dev {
namespace {

using std::chrono::milliseconds;

const std::vector<std::byte> kSound = make_batch({.values = {"a", "b"}});

std::vector<std::byte> text(std::string_view words) {
  const auto* begin = reinterpret_cast<const std::byte*>(words.data());
  return {begin, begin + words.size()};
}

std::vector<std::byte> fetch_frame(std::int32_t wait_ms) {
  wire::FetchRequest::Partition partition;
  partition.partition_max_bytes = 1 << 20;
  wire::FetchRequest::Topic topic;
  topic.topic = "t";
  topic.partitions = {&partition, 1};
  wire::FetchRequest request;
  request.max_wait_ms = wait_ms;
  request.min_bytes = 1;
  request.topics = {&topic, 1};
  return make_frame(request, 12);
}

TEST(DevBroker, KeepsWhatAClientProduces) {
  DevBroker broker({.topics = {{"t", 2}}});
  ASSERT_EQ(broker.error(), "");
  TestClient client(broker.port(1));
  const auto answer = client.produce({.partition = 1,
                                      .batch = make_batch({.values = {"x", "y"},
                                                           .producer_id = 8,
                                                           .producer_epoch = 0,
                                                           .base_sequence = 3,
                                                           .timestamp_ms = 5000})});
  ASSERT_EQ(answer.problem, nullptr);
  const auto records = broker.records("t", 1);
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[1].offset, 1);
  EXPECT_EQ(records[1].value, "y");
  EXPECT_EQ(records[1].key, std::nullopt);
  EXPECT_EQ(records[1].timestamp_ms, 5001);
  EXPECT_EQ(records[1].producer_id, 8);
  EXPECT_EQ(records[1].sequence, 4);
  EXPECT_TRUE(broker.records("t", 0).empty());
}

TEST(DevBroker, SaysWhyItCannotListen) {
  DevBroker first({});
  DevBroker second({.port = first.port(1)});
  EXPECT_NE(second.error().find("cannot bind"), std::string::npos);
}

TEST(DevBroker, AnswersPipelinedRequestsInOrder) {
  DevBroker broker({.topics = {{"t", 1}}});
  TestClient client(broker.port(1));
  std::vector<std::byte> all;
  for (int i = 0; i < 100; ++i) {
    const auto frame = make_produce_frame({.batch = kSound});
    all.insert(all.end(), frame.begin(), frame.end());
  }
  ASSERT_TRUE(client.send(all));
  for (int i = 0; i < 100; ++i) {
    const auto answer = decode_answer<wire::ProduceResponse>(client.receive(), 12);
    ASSERT_EQ(answer.problem, nullptr);
    EXPECT_EQ(answer.message.topics[0].partitions[0].base_offset, 2 * i);
  }
}

TEST(DevBroker, TakesAFrameThatArrivesByteByByte) {
  DevBroker broker({.topics = {{"t", 1}}});
  TestClient client(broker.port(1));
  for (const std::byte one : make_produce_frame({.batch = kSound})) client.send({&one, 1});
  EXPECT_EQ(decode_answer<wire::ProduceResponse>(client.receive(), 12).problem, nullptr);
}

TEST(DevBroker, TakesAFrameLargerThanItsFirstBuffer) {
  DevBroker broker({.topics = {{"t", 1}}, .message_bytes_max = 4 << 20});
  TestClient client(broker.port(1));
  const auto batch = make_batch({.values = {std::string(3 << 20, 'x')}});
  EXPECT_EQ(client.produce({.batch = batch}).message.topics[0].partitions[0].error_code, 0);
  EXPECT_EQ(broker.records("t", 0)[0].value->size(), std::size_t{3} << 20);
}

// --- Long poll

TEST(DevBroker, AWaitingFetchDoesNotBlockOthersAndEndsWithTheirRecords) {
  DevBroker broker({.topics = {{"t", 1}}});
  TestClient reader(broker.port(1));
  TestClient writer(broker.port(1));
  reader.send(fetch_frame(20'000));
  EXPECT_TRUE(reader.receive(milliseconds(50)).empty());
  EXPECT_EQ(writer.produce({.batch = kSound}).problem, nullptr);
  const auto answer = decode_answer<wire::FetchResponse>(reader.receive(), 12);
  ASSERT_EQ(answer.problem, nullptr);
  EXPECT_EQ(answer.message.topics[0].partitions[0].records.size(), kSound.size());
}

TEST(DevBroker, AWaitingFetchEndsWhenTheLeaderMoves) {
  DevBroker broker({.nodes = 2, .topics = {{"t", 1}}});
  TestClient reader(broker.port(1));
  reader.send(fetch_frame(20'000));
  EXPECT_TRUE(reader.receive(milliseconds(20)).empty());
  broker.move_leader("t", 0, 2);
  const auto answer = decode_answer<wire::FetchResponse>(reader.receive(), 12);
  EXPECT_EQ(answer.message.topics[0].partitions[0].error_code,
            code_of(KafkaError::kNotLeaderOrFollower));
}

TEST(DevBroker, AFetchEndsAtItsDeadline) {
  DevBroker broker({.topics = {{"t", 1}}});
  TestClient reader(broker.port(1));
  reader.send(fetch_frame(50));
  EXPECT_EQ(decode_answer<wire::FetchResponse>(reader.receive(), 12).problem, nullptr);
}

// --- Bad clients

TEST(DevBroker, GarbageEndsItsConnectionAndNoOther) {
  DevBroker broker({.topics = {{"t", 1}}});
  TestClient good(broker.port(1));
  const std::vector<std::vector<std::byte>> bad = {
      text("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
      text("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS"),
      std::vector<std::byte>(64, std::byte{0xff}),  // length -1
      std::vector<std::byte>{std::byte{0x7f}, std::byte{0xff}, std::byte{0xff}, std::byte{0xff}},
      std::vector<std::byte>(8, std::byte{0}),  // length 0
  };
  for (const auto& bytes : bad) {
    TestClient client(broker.port(1));
    client.send(bytes);
    EXPECT_TRUE(client.is_closed_by_peer());
  }
  EXPECT_EQ(good.produce({.batch = kSound}).problem, nullptr);
}

TEST(DevBroker, ALengthThatIsOnlyClaimedCostsNoMemory) {
  DevBroker broker({.frame_bytes_max = std::size_t{1} << 30});
  std::vector<std::unique_ptr<TestClient>> liars;
  const std::vector<std::byte> claim{std::byte{0x3f}, std::byte{0xff}, std::byte{0xff},
                                     std::byte{0xff}};
  for (int i = 0; i < 100; ++i) {
    liars.push_back(std::make_unique<TestClient>(broker.port(1)));
    liars.back()->send(claim);
  }
  TestClient probe(broker.port(1));  // answered after the claims were read
  EXPECT_EQ(probe.call<wire::MetadataResponse>(wire::MetadataRequest{}, 12).problem, nullptr);
  std::ifstream status("/proc/self/statm");
  std::size_t virtual_pages = 0;
  std::size_t resident_pages = 0;
  status >> virtual_pages >> resident_pages;
  EXPECT_LT(resident_pages * static_cast<std::size_t>(::getpagesize()), std::size_t{512} << 20);
}

TEST(DevBroker, SurvivesAClientThatLeavesWhileItWaits) {
  DevBroker broker({.topics = {{"t", 1}}});
  {
    TestClient reader(broker.port(1));
    reader.send(fetch_frame(20'000));
    EXPECT_TRUE(reader.receive(milliseconds(20)).empty());
  }
  TestClient writer(broker.port(1));
  EXPECT_EQ(writer.produce({.batch = kSound}).problem, nullptr);
}

// --- Faults over the wire

TEST(DevBroker, ALostAnswerIsAClosedConnectionAndAStoredBatch) {
  DevBroker broker({.topics = {{"t", 1}}});
  const FaultId fault =
      broker.faults().add({.kind = FaultKind::CloseAfter, .api = ApiKey::kProduce});
  TestClient client(broker.port(1));
  client.send(make_produce_frame({.batch = kSound}));
  EXPECT_TRUE(client.is_closed_by_peer());
  EXPECT_EQ(broker.end_offset("t", 0), 2);
  EXPECT_EQ(broker.faults().hits(fault), 1U);
}

TEST(DevBroker, ANodeThatSwallowsKeepsTheConnectionAndSaysNothing) {
  DevBroker broker({.topics = {{"t", 1}}});
  broker.faults().add({.kind = FaultKind::NoAnswer, .api = ApiKey::kProduce});
  TestClient client(broker.port(1));
  client.send(make_produce_frame({.batch = kSound}));
  client.send(make_produce_frame({.batch = kSound}));
  EXPECT_TRUE(client.receive(milliseconds(100)).empty());
  EXPECT_FALSE(client.is_closed_by_peer(milliseconds(10)));
  EXPECT_EQ(broker.end_offset("t", 0), 2);  // the second request was not handled
}

TEST(DevBroker, AHalfAnswerArrivesAndThenTheEnd) {
  DevBroker broker({.topics = {{"t", 1}}});
  broker.faults().add({.kind = FaultKind::HalfAnswer});
  TestClient client(broker.port(1));
  client.send(make_produce_frame({.batch = kSound}));
  EXPECT_TRUE(client.receive().empty());
  EXPECT_EQ(broker.end_offset("t", 0), 2);
}

TEST(DevBroker, ADelayHoldsBackOneConnectionOnly) {
  DevBroker broker({.topics = {{"t", 1}}});
  broker.faults().add({.kind = FaultKind::Delay, .delay = milliseconds(300)});
  TestClient slow(broker.port(1));
  TestClient quick(broker.port(1));
  const auto begin = std::chrono::steady_clock::now();
  slow.send(make_produce_frame({.batch = kSound}));
  EXPECT_TRUE(slow.receive(milliseconds(20)).empty());
  EXPECT_EQ(quick.produce({.batch = kSound}).problem, nullptr);
  EXPECT_FALSE(slow.receive().empty());
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(300));
}

// --- Outages

TEST(DevBroker, AStoppedNodeRefusesAndComesBackOnItsPort) {
  DevBroker broker({.nodes = 2, .topics = {{"t", 1}}});
  const std::uint16_t port = broker.port(1);
  TestClient before(port);
  ASSERT_TRUE(before.is_connected());
  broker.stop_node(1);
  EXPECT_TRUE(before.is_closed_by_peer());
  EXPECT_FALSE(TestClient(port).is_connected());
  EXPECT_EQ(broker.leader("t", 0), 2);
  broker.start_node(1);
  EXPECT_EQ(broker.port(1), port);
  TestClient after(port);
  EXPECT_EQ(after.call<wire::MetadataResponse>(wire::MetadataRequest{}, 12).problem, nullptr);
}

TEST(DevBroker, WithoutAnElectionTheLeaderStaysAndIsStillListed) {
  DevBroker broker({.nodes = 2, .topics = {{"t", 1}}});
  broker.stop_node(1, false);
  EXPECT_EQ(broker.leader("t", 0), 1);
  TestClient other(broker.port(2));
  const auto answer = other.call<wire::MetadataResponse>(wire::MetadataRequest{}, 12);
  EXPECT_EQ(answer.message.brokers.size(), 2U);
}

TEST(DevBroker, APartitionWithoutALiveReplicaGetsItsLeaderBack) {
  DevBroker broker({.nodes = 1, .topics = {{"t", 1}}});
  broker.stop_node(1);
  EXPECT_EQ(broker.leader("t", 0), kNoLeader);
  broker.start_node(1);
  EXPECT_EQ(broker.leader("t", 0), 1);
}

TEST(DevBroker, StopsAndStartsUnderLoad) {
  DevBroker broker({.topics = {{"t", 1}}});
  std::atomic<bool> done{false};
  std::thread load([&] {
    while (!done) {
      TestClient client(broker.port(1));
      while (client.is_connected() && client.produce({.batch = kSound}).problem == nullptr) {
      }
    }
  });
  for (int i = 0; i < 50; ++i) {
    broker.stop_node(1);
    broker.start_node(1);
    std::this_thread::sleep_for(milliseconds(2));
  }
  done = true;
  broker.stop_node(1);
  load.join();
  EXPECT_EQ(broker.end_offset("t", 0) % 2, 0);
}

}  // namespace
}  // namespace spillway::dev
