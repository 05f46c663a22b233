// Callers, policies and faults, at random: whatever happens, each accepted record meets one fate,
// the ledger adds up, the order of each caller stays, and memory stays under the budget and is
// given back. SPILLWAY_SEED=n replays a storm (threads race, so not to the instruction);
// SPILLWAY_STORMS=n tries more.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "spillway/producer.h"
#include "testing/dev_broker/dev_broker.h"

namespace spillway {
namespace {

using namespace std::chrono_literals;
using dev::ApiKey;
using dev::FaultKind;
using dev::FaultRule;
using dev::KafkaError;

constexpr std::uint64_t kStormsDefault = 9;
constexpr auto kStormTime = 1'200ms;
constexpr std::int32_t kNodes = 3;
constexpr std::int32_t kPartitions = 4;
constexpr std::size_t kRecordsMax = 60'000;  // of one caller

std::uint64_t from_env(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

struct Sent {
  std::atomic<int> callbacks{0};
  Delivery delivery{};
};

void on_delivery(void* context, const Delivery& delivery) noexcept {
  auto* sent = static_cast<Sent*>(context);
  sent->delivery = delivery;
  sent->callbacks.fetch_add(1, std::memory_order_release);
}

struct Caller {
  std::vector<Sent> sent{kRecordsMax};
  std::size_t accepted = 0;
};

class Storm {
 public:
  Storm(std::uint64_t seed, WhenFull when_full)
      : random_(seed), broker_({.nodes = kNodes, .topics = {{"t", kPartitions}}, .seed = seed}) {
    options_.bootstrap = broker_.bootstrap();
    options_.memory_max = (3 + random_.below(6)) << 20;
    options_.brokers_max = 4;
    options_.partitions_max = 64;
    options_.topics_max = 4;
    options_.record_bytes_max = 64 << 10;
    options_.batch_bytes_max = std::size_t{4} << (10 + random_.below(5));
    options_.linger = std::chrono::milliseconds(random_.below(6));
    options_.in_flight_max = static_cast<int>(1 + random_.below(5));
    options_.when_full = when_full;
    options_.block_deadline = 50ms;
    options_.request_timeout = 200ms;
    options_.retry_backoff = 2ms;
    options_.retry_backoff_max = 30ms;
    options_.delivery_timeout = random_.below(2) == 0 ? 0ms : 800ms;
    options_.metadata_age_max = 200ms;
    options_.compression.codec = static_cast<Codec>(random_.below(5));
    options_.compression_thread = random_.below(2) == 0;
    if (options_.compression.codec != Codec::None) options_.memory_max += 2 << 20;  // its scratch
  }

  void run() {
    auto opened = Producer::open(options_);
    ASSERT_TRUE(opened) << opened.error().message();
    Producer& producer = *opened;
    const auto topic = producer.topic("t");
    ASSERT_TRUE(topic) << topic.error().message();
    let_loose();
    std::deque<Caller> callers(1 + random_.below(4));
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < callers.size(); ++i) {
      threads.emplace_back(
          [&, i, seed = random_.next()] { send(producer, topic.value(), callers[i], i, seed); });
    }
    const auto end = std::chrono::steady_clock::now() + kStormTime;
    while (std::chrono::steady_clock::now() < end) trouble();
    stop_ = true;
    for (std::thread& thread : threads) thread.join();
    calm();
    ASSERT_TRUE(producer.flush(30s)) << "records are stuck";
    check(producer.snapshot(), callers);
    check_memory(producer);
    const auto report = producer.close(10s);
    ASSERT_TRUE(report);
    EXPECT_TRUE(report.value().clean());
  }

 private:
  void let_loose() {
    const auto add = [this](FaultRule rule) {
      rule.times = FaultRule::kForever;
      broker_.faults().add(rule);
    };
    const ApiKey produce = ApiKey::kProduce;
    add({.kind = FaultKind::Error,
         .api = produce,
         .probability = 0.05,
         .error = KafkaError::kNotEnoughReplicas});
    add({.kind = FaultKind::ErrorAfterAppend,
         .api = produce,
         .probability = 0.02,
         .error = KafkaError::kRequestTimedOut});
    add({.kind = FaultKind::CloseBefore, .probability = 0.01});
    add({.kind = FaultKind::CloseAfter, .probability = 0.02});
    add({.kind = FaultKind::HalfAnswer, .probability = 0.01});
    add({.kind = FaultKind::NoAnswer, .api = produce, .probability = 0.005});
    add({.kind = FaultKind::Delay, .probability = 0.1, .delay = 5ms});
  }

  void trouble() {
    const auto node = static_cast<std::int32_t>(1 + random_.below(kNodes));
    switch (random_.below(5)) {
      case 0:
        broker_.stop_node(node, random_.below(2) == 0);
        break;
      case 1:
        for (std::int32_t each = 1; each <= kNodes && random_.below(4) == 0; ++each)
          broker_.stop_node(each, false);
        break;
      case 2:
        broker_.move_leader("t", static_cast<std::int32_t>(random_.below(kPartitions)), node);
        break;
      default:
        for (std::int32_t each = 1; each <= kNodes; ++each) broker_.start_node(each);
        break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5 + random_.below(60)));
  }

  void calm() {
    broker_.faults().clear();
    for (std::int32_t node = 1; node <= kNodes; ++node) broker_.start_node(node);
  }

  // The value begins with "<caller>:<number>:".
  void send(Producer& producer, Topic topic, Caller& caller, std::size_t index,
            std::uint64_t seed) {
    Random random(seed);
    while (!stop_ && caller.accepted < kRecordsMax) {
      std::string value = std::to_string(index) + ":" + std::to_string(caller.accepted) + ":";
      static constexpr std::size_t kSizes[] = {0, 20, 100, 400, 1'000, 5'000, 30'000};
      value.resize(value.size() + kSizes[random.below(random.below(8) == 0 ? 7 : 4)], '.');
      Record record{.value = value};
      if (random.below(2) == 0)
        record.partition = static_cast<std::int32_t>(random.below(kPartitions));
      const Completion completion{on_delivery, &caller.sent[caller.accepted]};
      bool accepted = false;
      if (random.below(8) == 0) {
        auto room = producer.reserve(topic, record, value.size() + random.below(10));
        if (!room) continue;
        std::copy_n(reinterpret_cast<const std::byte*>(value.data()), value.size(),
                    room->value().data());
        accepted = random.below(4) != 0 && room->commit(value.size(), completion).ok();
      } else {
        accepted = producer.send(topic, record, completion).ok();
      }
      caller.accepted += accepted ? 1 : 0;
    }
  }

  void check(const Snapshot& now, std::deque<Caller>& callers) {
    const auto copies = read_logs();
    std::map<Fate, std::uint64_t> fates;
    std::uint64_t accepted = 0;
    for (std::size_t i = 0; i < callers.size(); ++i) {
      accepted += callers[i].accepted;
      for (std::size_t k = 0; k < callers[i].accepted; ++k) {
        const Sent& sent = callers[i].sent[k];
        ASSERT_EQ(sent.callbacks.load(std::memory_order_acquire), 1) << i << ':' << k;
        ++fates[sent.delivery.fate];
        check_one(sent.delivery, copies.contains({i, k}) ? copies.at({i, k}) : 0);
      }
    }
    const Ledger& ledger = now.ledger;
    EXPECT_EQ(ledger.accepted, accepted);
    EXPECT_EQ(ledger.held, 0u);
    EXPECT_EQ(ledger.accepted, ledger.delivered + ledger.dropped + ledger.failed + ledger.unknown);
    EXPECT_EQ(ledger.delivered, fates[Fate::Delivered]);
    EXPECT_EQ(ledger.dropped, fates[Fate::Dropped]);
    EXPECT_EQ(ledger.failed, fates[Fate::Failed]);
    EXPECT_EQ(ledger.unknown, fates[Fate::Unknown]);
    EXPECT_LE(now.memory.used_peak, options_.memory_max);
    EXPECT_EQ(now.memory.payload, 0u);
    EXPECT_EQ(now.memory.payload_held_by, 0u);
    EXPECT_GT(ledger.delivered, 100u) << "a storm that lets nothing through proves nothing";
  }

  void check_one(const Delivery& delivery, int copies) {
    ASSERT_LE(copies, 1) << "doubled";
    const bool denies = delivery.fate == Fate::Failed || delivery.fate == Fate::Dropped;
    ASSERT_GE(copies, delivery.fate == Fate::Delivered ? 1 : 0) << "lost";
    ASSERT_LE(copies, denies ? 0 : 1) << "it is in the log, and its fate denies it";
    if (options_.delivery_timeout > 0ms) return;
    const bool may_drop = options_.when_full == WhenFull::DropOldest;
    ASSERT_TRUE(delivery.fate == Fate::Delivered || (may_drop && delivery.fate == Fate::Dropped));
  }

  // How often each record lies in the logs; checks the order of each caller on the way.
  std::map<std::pair<std::size_t, std::size_t>, int> read_logs() {
    std::map<std::pair<std::size_t, std::size_t>, int> copies;
    for (std::int32_t partition = 0; partition < kPartitions; ++partition) {
      std::map<std::size_t, std::size_t> next;
      for (const auto& record : broker_.records("t", partition)) {
        std::size_t used = 0;
        const std::size_t caller = std::stoul(*record.value, &used);
        const std::size_t number = std::stoul(record.value->substr(used + 1));
        ++copies[{caller, number}];
        EXPECT_GE(number, next[caller]) << "partition " << partition << ", caller " << caller;
        next[caller] = number + 1;
      }
    }
    return copies;
  }

  void check_memory(Producer& producer) {
    const auto end = std::chrono::steady_clock::now() + 15s;
    const auto resting = [&] {
      const MemoryUse use = producer.snapshot().memory;
      return use.used <= use.fixed + (4U << 20) / 2;
    };
    while (!resting() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(5ms);
    EXPECT_TRUE(resting()) << "blocks in use though nothing is held";
  }

  Random random_;
  dev::DevBroker broker_;
  Options options_;
  std::atomic<bool> stop_{false};
};

TEST(LedgerProperty, HoldsUnderEveryPolicyInEveryStorm) {
  const std::uint64_t first = from_env("SPILLWAY_SEED", 1);
  const bool replay = std::getenv("SPILLWAY_SEED") != nullptr;
  const std::uint64_t count = replay ? 1 : from_env("SPILLWAY_STORMS", kStormsDefault);
  constexpr WhenFull kPolicies[] = {WhenFull::Block, WhenFull::FailFast, WhenFull::DropOldest};
  for (std::uint64_t seed = first; seed < first + count && !HasFailure(); ++seed) {
    SCOPED_TRACE("SPILLWAY_SEED=" + std::to_string(seed));
    Storm(seed, kPolicies[seed % 3]).run();
    if (HasFailure())
      std::printf("replay: SPILLWAY_SEED=%llu\n", static_cast<unsigned long long>(seed));
  }
}

}  // namespace
}  // namespace spillway
