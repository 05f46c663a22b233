// The seeded simulation behind engine_test.cc.
// Whole runs of the engine against simulated brokers in virtual time.
#pragma once

#include "cluster/engine.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <map>

#include "cluster/engine_shape_test_support.h"
#include "producer/lanes.h"
#include "spillway/record.h"
#include "testing/sim_network.h"
#include "wire/batch_reader.h"

namespace spillway {

using namespace std::chrono_literals;
using dev::FaultKind;
using dev::FaultRule;
using dev::KafkaError;

constexpr const char* kTopic = "t";
constexpr std::size_t kNumberBytes = 8;
constexpr auto kCalmMax = 300s;          // virtual: nothing may need longer once all is well
constexpr int kStandstillsMax = 20'000;  // turns without a step of time: somebody spins

inline std::uint64_t from_env(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

struct Sent {
  std::uint64_t number = 0;
  Transport* clock = nullptr;
  MonoTime since{};
  MonoDuration wait{};
  int callbacks = 0;
  Delivery delivery{};
};

inline void on_delivery(void* context, const Delivery& delivery) noexcept {
  auto* sent = static_cast<Sent*>(context);
  ++sent->callbacks;
  sent->wait = sent->clock->now() - sent->since;
  sent->delivery = delivery;
}

class Simulation {
 public:
  Simulation(std::uint64_t seed, const Shape& shape)
      : shape_(shape),
        random_(seed),
        faults_(seed),
        cluster_({.nodes = shape.nodes,
                  .message_bytes_max = shape.message_bytes_max,
                  .sasl = shape.sasl}),
        network_(cluster_, faults_, shape_.caps, seed),
        pool_({8 * kMiB, 1 * kMiB, 256 * kKiB, 1 * kMiB}),
        lanes_(1, pool_),
        topics_(shape_.options),
        fates_(nullptr),
        engine_(shape_.options, network_.bootstrap(), pool_, network_, fates_, topics_) {
    make_topic(shape.partitions);
  }

  void run() {
    const auto topic = topics_.intern(kTopic);
    ASSERT_TRUE(topic);
    engine_.topics_added();
    if (shape_.stormy) let_loose();
    if (shape_.replaces) network_.stop_node(3, true);
    const MonoTime storm_end = network_.now() + shape_.storm;
    while (network_.now() < storm_end || sent_.size() < shape_.records) {
      if (random_.below(40) == 0) trouble();
      if (shape_.replaces && sent_.size() > shape_.records / 2) replace_node();
      if (topics_.state(0) == TopicState::Ready && random_.below(shape_.pace) == 0) send_some();
      ASSERT_TRUE(turn(network_.now() + std::chrono::microseconds(random_.below(10'000))));
      if (network_.now() > storm_end + kCalmMax) FAIL() << "the topic was never described";
      if (network_.now() > storm_end) calm();
    }
    calm();
    const MonoTime calm_end = network_.now() + kCalmMax;
    while (!engine_.empty()) {
      ASSERT_LT(network_.now(), calm_end) << "records are stuck";
      ASSERT_TRUE(turn(calm_end));
    }
  }

  void check() {
    lanes_.close_all();
    EXPECT_LE(pool_.used(), 64 * kPageBytes) << "only the I/O thread's cache of pages stays";
    const std::vector<std::uint64_t> copies = read_logs();
    Ledger counted;
    for (const Sent& sent : sent_) {
      const auto times = copies[sent.number];
      ASSERT_EQ(sent.callbacks, 1) << "record " << sent.number;
      check_one(sent, times);
      switch (sent.delivery.fate) {
        case Fate::Delivered:
          ++counted.delivered;
          break;
        case Fate::Dropped:
          ++counted.dropped;
          break;
        case Fate::Failed:
          ++counted.failed;
          break;
        case Fate::Unknown:
          ++counted.unknown;
          break;
      }
    }
    const Ledger ledger = fates_.ledger();
    EXPECT_EQ(ledger.delivered, counted.delivered);
    EXPECT_EQ(ledger.dropped, counted.dropped);
    EXPECT_EQ(ledger.failed, counted.failed);
    EXPECT_EQ(ledger.unknown, counted.unknown);
    EXPECT_EQ(engine_.counters().payload.load(), 0u);
    EXPECT_EQ(engine_.counters().payload_held_by.load(), 0u);
    EXPECT_EQ(engine_.counters().requests_in_flight.load(), 0u);
  }

  [[nodiscard]] const EngineCounters& counters() const { return engine_.counters(); }
  [[nodiscard]] MonoDuration wait_max() const {
    return std::ranges::max_element(sent_, {}, &Sent::wait)->wait;
  }
  [[nodiscard]] dev::Faults& faults() { return faults_; }

 private:
  void make_topic(std::int32_t partitions) {
    EXPECT_EQ(cluster_.create_topic(kTopic, partitions), KafkaError::kNone);
    cluster_.find_topic(kTopic)->compacted = shape_.compacted;
    topic_partitions_ = static_cast<std::uint64_t>(partitions);
  }

  // One turn of an I/O loop. False: the loop spins without a step of time.
  bool turn(MonoTime until) {
    const MonoTime before = network_.now();
    engine_.work(before);
    flush_pending();
    network_.poll(std::min(until, engine_.deadline(before)), engine_);
    standstills_ = network_.now() == before ? standstills_ + 1 : 0;
    EXPECT_LT(standstills_, kStandstillsMax)
        << "the engine asks to be called again at once, for ever";
    return standstills_ < kStandstillsMax;
  }

  void let_loose() {
    const auto add = [this](FaultRule rule) {
      rule.times = FaultRule::kForever;
      faults_.add(rule);
    };
    const ApiKey produce = ApiKey::kProduce;
    add({.kind = FaultKind::Error,
         .api = produce,
         .probability = 0.05,
         .error = KafkaError::kNotEnoughReplicas});
    add({.kind = FaultKind::Error,
         .api = produce,
         .probability = 0.02,
         .error = KafkaError::kNotLeaderOrFollower});
    add({.kind = FaultKind::ErrorAfterAppend,
         .api = produce,
         .probability = 0.03,
         .error = KafkaError::kRequestTimedOut});
    add({.kind = FaultKind::CloseBefore, .probability = 0.02});
    add({.kind = FaultKind::CloseAfter, .probability = 0.02});
    add({.kind = FaultKind::HalfAnswer, .probability = 0.02});
    add({.kind = FaultKind::NoAnswer, .api = produce, .probability = 0.01});
    add({.kind = FaultKind::SwallowBefore, .api = produce, .probability = 0.01});
    add({.kind = FaultKind::Delay, .probability = 0.1, .delay = 20ms});
    add({.kind = FaultKind::Throttle, .api = produce, .probability = 0.01, .delay = 50ms});
    add({.kind = FaultKind::Error,
         .api = ApiKey::kInitProducerId,
         .probability = 0.3,
         .error = KafkaError::kCoordinatorLoadInProgress});
    if (shape_.rejects) {
      add({.kind = FaultKind::Error,
           .api = produce,
           .probability = 0.02,
           .error = KafkaError::kMessageTooLarge});
    }
  }

  void trouble() {
    const auto node =
        static_cast<std::int32_t>(1 + random_.below(static_cast<std::uint64_t>(shape_.nodes)));
    switch (shape_.stormy ? random_.below(4) : 3) {
      case 0:
        return network_.cut_one();
      case 1:
        return network_.stop_node(node, random_.below(2) == 0);
      case 2:
        return network_.start_node(node);
      default:
        break;
    }
    if (shape_.remakes && random_.below(5) == 0) {
      EXPECT_TRUE(cluster_.delete_topic(kTopic));
      return make_topic(static_cast<std::int32_t>(
          1 + random_.below(static_cast<std::uint64_t>(shape_.partitions))));
    }
    if (!cluster_.node(node).up) return;
    const auto index = random_.below(topic_partitions_);
    cluster_.move_leader(*cluster_.find_topic(kTopic)->partition(static_cast<std::int32_t>(index)),
                         node);
  }

  void replace_node() {
    if (cluster_.node(3).up) return;
    network_.stop_node(1, true);
    network_.start_node(3);
    for (dev::Partition& partition : cluster_.find_topic(kTopic)->partitions)
      cluster_.move_leader(partition, 2 + partition.index % 2);
  }

  void calm() {
    if (shape_.stormy) faults_.clear();  // else a test has chosen them
    for (const dev::ClusterNode& node : cluster_.nodes()) {
      if (!node.up && !shape_.replaces) network_.start_node(node.id);
    }
  }

  void send_some() {
    for (std::uint64_t i = random_.below(6); i > 0 && sent_.size() < shape_.records; --i) {
      sent_.push_back({sent_.size(), &network_, network_.now()});
      store(sent_.back());
    }
    if (shape_.evicts && random_.below(50) == 0) (void)engine_.evict_oldest();
  }

  // As a caller does it, but the number is the whole of what the value says.
  void store(Sent& sent) {
    static constexpr std::size_t kSizes[] = {8, 20, 100, 700, 900, 3000, 20'000};
    std::vector<std::byte> value(kSizes[random_.below(random_.below(4) == 0 ? 7 : 4)]);
    wire::store_big_endian<std::uint64_t>(value.data(), sent.number);
    const std::span<const spillway::Header> none{};
    const char* const key = has_key(sent.number) ? "key" : nullptr;
    const std::size_t tail = wire::tail_size(key, 3, value.data(), value.size(), none);
    const bool large = tail >= kReferenceBytesMin;
    const std::size_t lead = large ? kPrefixRoom : 0;
    Lane* lane = lanes_.acquire();
    const auto room = lanes_.reserve(*lane, lead + tail, large ? ChunkUse::Large : ChunkUse::Small);
    Lanes::release(*lane);
    ASSERT_TRUE(room) << "the pool of a simulation is large enough";
    RecordHeader& header = *room->header;
    header.completion = {on_delivery, &sent};
    header.timestamp_ms = 1'000 + static_cast<std::int64_t>(sent.number);
    header.tail_size = static_cast<std::uint32_t>(tail);
    header.generation = room->generation;
    header.topic = 0;
    header.flags = large ? RecordHeader::kLarge : std::uint8_t{0};
    header.partition_or_hash = static_cast<std::int32_t>(
        random_.below(static_cast<std::uint64_t>(topics_.partition_count(0))));
    if (random_.below(3) != 0) header.flags |= RecordHeader::kHasPartition;
    (void)wire::write_tail(reinterpret_cast<std::byte*>(&header + 1) + lead, key, 3, value.data(),
                           value.size(), none);
    pending_.push_back({&header, room->descriptor.block});
    flush_pending();
  }

  static bool has_key(std::uint64_t number) { return number % 8 != 0; }

  void flush_pending() {
    while (!pending_.empty()) {
      const StoredRecord record = pending_.front();
      if (!engine_.has_partition(*record.header)) {  // the topic was made again with fewer
        auto& header = const_cast<RecordHeader&>(*record.header);
        header.partition_or_hash = 0;
      }
      if (!engine_.append(record, network_.now())) return;
      if (!record.large()) (void)pool_.release(record.block, record.header->generation, 1);
      pending_.pop_front();
    }
  }

  // How often each record lies in a log. Checks the order on the way.
  std::vector<std::uint64_t> read_logs() {
    std::vector<std::uint64_t> copies(sent_.size(), 0);
    for (dev::Partition& partition : cluster_.find_topic(kTopic)->partitions) {
      std::int64_t last = -1;
      for (const auto& stored : partition.log.batches()) {
        wire::BatchView batch;
        EXPECT_FALSE(wire::read_batch(stored.bytes, batch).what);
        std::vector<std::byte> plain(256 * kKiB);
        if (batch.is_compressed()) {
          plain.resize(wire::unpack(shape_.options.compression.codec, batch.records, plain));
          batch.records = plain;
        }
        wire::RecordCursor cursor = batch.cursor();
        wire::RecordView record;
        std::int64_t offset = batch.header.base_offset;
        while (cursor.next(record)) {
          const auto number = wire::load_big_endian<std::uint64_t>(record.value->data());
          ++copies[number];
          offsets_[number].push_back(offset++);
          EXPECT_EQ(batch.header.base_timestamp_ms + record.timestamp_delta,
                    1'000 + static_cast<std::int64_t>(number));
          if (exact()) {
            EXPECT_GT(static_cast<std::int64_t>(number), last)
                << "out of order in partition " << partition.index;
          }
          last = static_cast<std::int64_t>(number);
        }
      }
    }
    return copies;
  }

  // A new log takes any sequence first, from what was in flight when the old one went, unless
  // requests name the topic by its id.
  [[nodiscard]] bool exact() const {
    return shape_.options.idempotence &&
           (!shape_.remakes || shape_.caps.at(ApiKey::kProduce) >= 13);
  }

  void check_one(const Sent& sent, std::uint64_t copies) {
    SCOPED_TRACE("record " + std::to_string(sent.number));
    const Delivery& delivery = sent.delivery;
    if (exact()) {
      EXPECT_LE(copies, 1u) << "doubled";
    }
    if (delivery.fate == Fate::Delivered && shape_.options.acks == Acks::All && !shape_.remakes) {
      EXPECT_GE(copies, 1u) << "lost";
      if (delivery.offset >= 0) {
        EXPECT_NE(std::ranges::find(offsets_[sent.number], delivery.offset),
                  offsets_[sent.number].end());
      }
    }
    if (delivery.fate == Fate::Failed || delivery.fate == Fate::Dropped) {
      EXPECT_EQ(copies, 0u) << "it is in the log, and its fate denies it";
    }
    const bool bad = shape_.compacted && !has_key(sent.number);
    if (bad) {
      EXPECT_NE(delivery.fate, Fate::Delivered) << "the topic wants keys";
    }
    const bool may_end_badly = bad || shape_.options.delivery_timeout > 0ms || shape_.rejects ||
                               shape_.evicts || shape_.remakes ||
                               shape_.message_bytes_max < 25'000 ||
                               (shape_.compacted && delivery.fate == Fate::Unknown);
    if (!may_end_badly) {
      EXPECT_EQ(delivery.fate, Fate::Delivered);
    }
  }

  const Shape shape_;
  Random random_;
  dev::Faults faults_;
  dev::DevCluster cluster_;
  dev::SimNetwork network_;
  Pool pool_;
  Lanes lanes_;
  Topics topics_;
  Fates fates_;
  Engine engine_;
  std::deque<Sent> sent_;  // callbacks point into it
  std::deque<StoredRecord> pending_;
  std::map<std::uint64_t, std::vector<std::int64_t>> offsets_;
  std::uint64_t topic_partitions_ = 0;
  int standstills_ = 0;
};

}  // namespace spillway
