// What comes back: every accepted record has exactly one fate, told exactly once.
#pragma once

#include <cstdint>
#include <string_view>

namespace spillway {

enum class Fate : std::uint8_t {
  Delivered,  // acknowledged as Options::acks asks; offset is set (acks 0: sent, offset -1)
  Dropped,    // never sent: DropOldest chose it, or it was aborted by close
  Failed,     // not in the log, and will not be
  Unknown,    // sent, but no answer was seen in time: it may or may not be in the log
};

enum class Reason : std::uint8_t {
  None,
  DropOldest,          // dropped: the oldest record made room
  CloseDeadline,       // dropped or unknown: close() ran out of time
  DeliveryTimeout,     // failed if never sent, else unknown
  UnknownTopic,        // failed: the topic or partition does not exist
  Rejected,            // failed: the broker refused it, see kafka_error
  SequenceLost,        // unknown: the broker no longer knows this producer's history
  TransactionAborted,  // its transaction ended without it
};
inline constexpr int kReasonCount = 8;

[[nodiscard]] std::string_view name_of(Fate fate) noexcept;
[[nodiscard]] std::string_view name_of(Reason reason) noexcept;

struct Delivery {
  Fate fate;
  Reason reason;
  std::int16_t kafka_error;  // protocol error code, 0 if none
  std::int32_t partition;    // -1: it never got one
  std::int64_t offset;       // -1: none or not known
  std::uint32_t topic;       // Topic::id()
};

// Runs exactly once for every accepted record that has one, on the I/O thread; with DropOldest a
// dropped record's callback may run on the thread whose send dropped it. Inside it, FailFast and
// DropOldest sends are allowed (without room both answer Full: a drop would run another callback),
// Block answers WouldDeadlock, and flush and close are refused. It must be short and must not
// throw: the I/O thread waits for it.
using DeliveryCallback = void (*)(void* context, const Delivery& delivery) noexcept;

// The callback of one record. `context` must live until the callback has run. Costs the budget 8
// bytes a record, nothing while consecutive records of a partition share both words.
struct Completion {
  DeliveryCallback callback = nullptr;
  void* context = nullptr;
};

}  // namespace spillway
