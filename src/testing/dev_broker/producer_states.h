// ProducerStates: what a partition remembers of each idempotent producer, and the rules it checks
// sequences by. Source: KIP-98, KIP-360, and Kafka's ProducerStateManager as it behaves in 4.x.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "wire/errors.h"

namespace spillway::dev {

using KafkaError = wire::ErrorCode;

// The producer fields of a batch header. A producer id below 0 means "not idempotent".
struct BatchProducer {
  std::int64_t id = -1;
  std::int16_t epoch = -1;
  std::int32_t base_sequence = -1;
  std::int32_t records = 0;
};

// Sequences run from 0 to 2^31 - 1 and start again at 0.
[[nodiscard]] std::int32_t sequence_add(std::int32_t sequence, std::int32_t increment) noexcept;

struct ProducerState {
  struct Batch {
    std::int32_t first_sequence;
    std::int32_t last_sequence;
    std::int64_t base_offset;
  };
  std::int16_t epoch = -1;
  std::int64_t last_timestamp = -1;
  std::uint64_t last_use = 0;
  std::deque<Batch> batches;  // of this epoch, the newest kBatchesMax, oldest first

  // -1: none yet, a marker has begun the epoch.
  [[nodiscard]] std::int32_t last_sequence() const noexcept {
    return batches.empty() ? -1 : batches.back().last_sequence;
  }
};

// Not thread-safe.
class ProducerStates {
 public:
  // As many as Kafka keeps: a duplicate further back is answered with OUT_OF_ORDER_SEQUENCE_NUMBER.
  static constexpr std::size_t kBatchesMax = 5;
  // Beyond this many the producer that was silent for longest is forgotten.
  static constexpr std::size_t kProducersMax = 4096;

  struct Verdict {
    KafkaError error = KafkaError::kNone;
    std::optional<std::int64_t> duplicate_of;  // the base offset of the first arrival
  };

  [[nodiscard]] Verdict check(const BatchProducer& batch) const;
  // After the append of a batch that passed `check`.
  void note(const BatchProducer& batch, std::int64_t base_offset, std::int64_t timestamp);
  // After a marker: what comes now is of this epoch or later.
  void begin_epoch(std::int64_t producer_id, std::int16_t epoch, std::int64_t timestamp);
  // As if the producer id had expired.
  void forget(std::int64_t producer_id) { states_.erase(producer_id); }

  [[nodiscard]] const std::map<std::int64_t, ProducerState>& all() const noexcept {
    return states_;
  }

 private:
  void make_room();

  std::map<std::int64_t, ProducerState> states_;
  std::uint64_t use_clock_ = 0;
};

}  // namespace spillway::dev
