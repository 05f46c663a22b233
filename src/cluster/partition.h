// One partition as the producer sees it: its queue of batches, its sequence, its place in the
// schedule.
//
//   queue   head → [retry, sealed] → [retry, sealed] → [never sent] → [open: takes records] ← tail
//
// Invariants
// 1. The queue is in the order of the records; a batch that comes back for a retry goes before
// every later one.
// 2. From the oldest sent batch without a fate to the newest there are at most five: the broker
// remembers five (facts of KIP-98).
// 3. While `draining` nothing is sent until nothing is in flight, so a retry never overtakes.
// 4. With idempotence a batch is sent under the identity and sequence that it was sealed with,
// unless it is known not to be in the log. I/O thread only.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/intrusive_list.h"
#include "cluster/batch.h"

namespace spillway {

class Session;

struct Partition {
  enum class Place : std::uint8_t {
    Idle,       // nothing queued
    Lingering,  // the only batch is open and may wait for company
    Ready,      // in its leader's list
    Parked,     // something is queued but cannot go now: no leader, back-off, draining, five in
                // flight, no producer id
  };

  static constexpr std::uint32_t kInFlightMax = 5;

  std::uint32_t topic = 0;
  std::int32_t index = 0;

  Session* leader = nullptr;
  std::int32_t leader_epoch = -1;

  // Learned from MESSAGE_TOO_LARGE; on top of Options::batch_bytes_max.
  std::uint32_t batch_bytes_max = UINT32_MAX;

  Batch* head = nullptr;
  Batch* tail = nullptr;
  std::uint32_t queued = 0;
  std::uint32_t in_flight = 0;

  ProducerIdentity identity;  // id -1: takes the producer's at the next send
  std::int32_t next_sequence = 0;
  std::uint32_t next_order = 0;
  // The sent batches without a fate: bit i is order window_begin + i.
  std::uint32_t window_begin = 0;
  std::uint8_t window = 0;
  // The log has taken a batch of this identity. Before that a broker takes any sequence for the
  // first one, so a second batch in flight would get in before a first that was refused.
  bool known = false;
  bool draining = false;
  bool gap = false;  // a sequence was lost: start a new epoch once nothing is in doubt

  std::uint32_t transaction = 0;  // the last one that it was added to

  std::uint16_t attempts = 0;  // failures in a row
  MonoTime retry_at{};

  Place place = Place::Idle;
  ListLink<Partition> link;

  [[nodiscard]] Batch* open_batch() const noexcept {
    return tail != nullptr && tail->takes_records() ? tail : nullptr;
  }
  void push_back(Batch& batch) noexcept {
    batch.next = nullptr;
    (tail == nullptr ? head : tail->next) = &batch;
    tail = &batch;
    ++queued;
  }
  Batch* pop_front() noexcept {
    Batch* batch = head;
    head = batch->next;
    if (head == nullptr) tail = nullptr;
    batch->next = nullptr;
    --queued;
    return batch;
  }
  // Whether another batch may be sent for the first time: a broker knows a repeated batch again
  // only among the last five, so nothing may run further ahead of one that is in doubt.
  [[nodiscard]] bool window_open() const noexcept {
    return next_order - window_begin < kInFlightMax;
  }
  void enter_window(const Batch& batch) noexcept {
    window = static_cast<std::uint8_t>(window | 1U << (batch.order - window_begin));
  }
  void leave_window(const Batch& batch) noexcept {
    if (static_cast<std::int32_t>(batch.order - window_begin) < 0)
      return;  // a part of one that has left
    window = static_cast<std::uint8_t>(window & ~(1U << (batch.order - window_begin)));
    for (; window_begin != next_order && (window & 1U) == 0; ++window_begin)
      window = static_cast<std::uint8_t>(window >> 1);
  }
  // What was sent and certainly did not get into the log is as if it had never been sent.
  void forget_sends() noexcept {
    for (Batch* batch = head; batch != nullptr; batch = batch->next) {
      batch->sends = 0;
      batch->in_doubt = false;
    }
    window = 0;
    window_begin = next_order;
  }
  // By order of first sends: before every batch that was never sent, after earlier retries.
  void push_retry(Batch& batch) noexcept;
  void remove(Batch& batch) noexcept;
};

using PartitionList = IntrusiveList<Partition, &Partition::link>;

}  // namespace spillway
