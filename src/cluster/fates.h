// Where records end: the ledger, the callbacks, the observer.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "cluster/batch.h"
#include "spillway/delivery.h"
#include "spillway/observer.h"
#include "spillway/snapshot.h"

namespace spillway {

// Callbacks run on the calling thread. Counters are atomics because a caller may end a record that
// it dropped; the I/O thread ends nearly all of them, a batch at a time.
class Fates {
 public:
  explicit Fates(Observer* observer) noexcept : observer_(observer) {}

  // Every record of the batch. I/O thread. `delivery.offset` is that of the first record, or -1.
  void end(const Batch& batch, const Delivery& delivery) noexcept;
  // One record that never reached a batch. Any thread.
  void end_record(const Completion& completion, const Delivery& delivery) noexcept;

  // Without `accepted` and `held`, which the ring knows.
  [[nodiscard]] Ledger ledger() const noexcept;
  [[nodiscard]] std::uint64_t ended() const noexcept;

  // Whether the calling thread is inside a callback of this producer.
  [[nodiscard]] bool inside_callback() const noexcept;

  void event(Severity severity, std::string_view sentence) const noexcept {
    if (observer_ != nullptr) observer_->on_event(severity, sentence);
  }
  void level(Level from, Level to) const noexcept {
    if (observer_ != nullptr) observer_->on_level(from, to);
  }

 private:
  void count(const Delivery& delivery, std::uint64_t records) noexcept;

  Observer* const observer_;
  std::array<std::atomic<std::uint64_t>, 4> by_fate_{};
  std::array<std::atomic<std::uint64_t>, kReasonCount> by_reason_{};
};

}  // namespace spillway
