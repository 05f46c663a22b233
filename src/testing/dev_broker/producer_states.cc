#include "testing/dev_broker/producer_states.h"

#include <algorithm>
#include <limits>

namespace spillway::dev {
namespace {

constexpr std::int32_t kSequenceMax = std::numeric_limits<std::int32_t>::max();

std::int32_t last_sequence_of(const BatchProducer& batch) noexcept {
  return sequence_add(batch.base_sequence, batch.records - 1);
}

}  // namespace

std::int32_t sequence_add(std::int32_t sequence, std::int32_t increment) noexcept {
  if (sequence > kSequenceMax - increment) return increment - (kSequenceMax - sequence) - 1;
  return sequence + increment;
}

ProducerStates::Verdict ProducerStates::check(const BatchProducer& batch) const {
  const auto found = states_.find(batch.id);
  // A forgotten or new producer may start anywhere: only transactions (v2) insist on 0.
  if (found == states_.end()) return {};
  const ProducerState& state = found->second;
  if (batch.epoch < state.epoch) return {KafkaError::kInvalidProducerEpoch, {}};
  if (batch.epoch > state.epoch) {
    if (batch.base_sequence != 0) return {KafkaError::kOutOfOrderSequenceNumber, {}};
    return {};
  }
  for (const ProducerState::Batch& known : state.batches) {
    if (known.first_sequence == batch.base_sequence &&
        known.last_sequence == last_sequence_of(batch)) {
      return {KafkaError::kNone, known.base_offset};
    }
  }
  if (batch.base_sequence != sequence_add(state.last_sequence(), 1)) {
    return {KafkaError::kOutOfOrderSequenceNumber, {}};
  }
  return {};
}

void ProducerStates::note(const BatchProducer& batch, std::int64_t base_offset,
                          std::int64_t timestamp) {
  if (!states_.contains(batch.id)) make_room();
  ProducerState& state = states_[batch.id];
  if (state.epoch != batch.epoch) state.batches.clear();
  state.epoch = batch.epoch;
  state.last_timestamp = timestamp;
  state.last_use = ++use_clock_;
  state.batches.push_back({batch.base_sequence, last_sequence_of(batch), base_offset});
  if (state.batches.size() > kBatchesMax) state.batches.pop_front();
}

void ProducerStates::begin_epoch(std::int64_t producer_id, std::int16_t epoch,
                                 std::int64_t timestamp) {
  if (!states_.contains(producer_id)) make_room();
  ProducerState& state = states_[producer_id];
  if (state.epoch != epoch) state.batches.clear();
  state.epoch = epoch;
  state.last_timestamp = timestamp;
  state.last_use = ++use_clock_;
}

void ProducerStates::make_room() {
  if (states_.size() < kProducersMax) return;
  states_.erase(std::min_element(states_.begin(), states_.end(), [](const auto& a, const auto& b) {
    return a.second.last_use < b.second.last_use;
  }));
}

}  // namespace spillway::dev
