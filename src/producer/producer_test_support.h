// What the tests of a whole producer share: small options, an embedded broker, and a place where
// deliveries gather.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "spillway/producer.h"
#include "testing/dev_broker/dev_broker.h"

namespace spillway {

using namespace std::chrono_literals;

inline constexpr auto kPatience = 20s;  // far beyond what a test needs: only a hang comes near

inline Options small_options(const std::string& bootstrap) {
  Options options;
  options.bootstrap = bootstrap;
  options.memory_max = std::size_t{4} << 20;
  options.brokers_max = 4;
  options.partitions_max = 64;
  options.topics_max = 8;
  options.record_bytes_max = 64 << 10;
  options.batch_bytes_max = 64 << 10;
  options.retry_backoff = 5ms;
  options.retry_backoff_max = 50ms;
  options.linger = 1ms;
  return options;
}

inline bool eventually(const std::function<bool()>& what) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!what()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

// Counts callbacks for each record by its number. Any thread.
class Deliveries {
 public:
  struct Slot {
    Deliveries* owner;
    std::size_t number;
  };

  explicit Deliveries(std::size_t records) : slots_(records), seen_(records) {
    for (std::size_t i = 0; i < records; ++i) slots_[i] = {this, i};
  }
  Completion completion(std::size_t number) { return {&Deliveries::on_delivery, &slots_[number]}; }

  std::vector<Delivery> of(std::size_t number) {
    const std::lock_guard lock(mutex_);
    return seen_[number];
  }
  std::size_t count() {
    const std::lock_guard lock(mutex_);
    return order_.size();
  }
  std::size_t count(Fate fate) {
    const std::lock_guard lock(mutex_);
    std::size_t sum = 0;
    for (const auto& all : seen_) {
      for (const Delivery& each : all) sum += each.fate == fate ? 1 : 0;
    }
    return sum;
  }
  std::vector<std::size_t> order() {
    const std::lock_guard lock(mutex_);
    return order_;
  }

 private:
  static void on_delivery(void* context, const Delivery& delivery) noexcept {
    auto* slot = static_cast<Slot*>(context);
    const std::lock_guard lock(slot->owner->mutex_);
    slot->owner->seen_[slot->number].push_back(delivery);
    slot->owner->order_.push_back(slot->number);
  }

  std::mutex mutex_;
  std::vector<Slot> slots_;
  std::vector<std::vector<Delivery>> seen_;
  std::vector<std::size_t> order_;
};

inline void expect_ledger_identity(const Snapshot& now) {
  const Ledger& ledger = now.ledger;
  EXPECT_EQ(ledger.accepted,
            ledger.delivered + ledger.dropped + ledger.failed + ledger.unknown + ledger.held);
  EXPECT_LE(now.memory.used_peak, now.memory.budget);
}

inline std::vector<std::string> values(dev::DevBroker& broker, std::int32_t partition = 0) {
  std::vector<std::string> all;
  for (const dev::DevRecord& record : broker.records("t", partition))
    all.push_back(record.value.value_or("(null)"));
  return all;
}

}  // namespace spillway
