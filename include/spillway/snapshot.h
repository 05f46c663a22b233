// Numbers of a running producer. The ledger identity
//     accepted = delivered + dropped + failed + unknown + held
// is exact whenever no thread is inside a send.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "spillway/delivery.h"
#include "spillway/overload.h"

namespace spillway {

struct Ledger {
  std::uint64_t accepted = 0;
  std::uint64_t delivered = 0;
  std::uint64_t dropped = 0;
  std::uint64_t failed = 0;
  std::uint64_t unknown = 0;
  std::uint64_t held = 0;                               // accepted, no fate yet
  std::array<std::uint64_t, kReasonCount> by_reason{};  // of dropped, failed and unknown
};

// Calls of send that were refused, by word. A refused record was never accepted.
struct Refusals {
  std::uint64_t full = 0;
  std::uint64_t busy = 0;
  std::uint64_t too_large = 0;
  std::uint64_t would_deadlock = 0;
  std::uint64_t closed = 0;
  std::uint64_t unknown_topic = 0;
  std::uint64_t topic_pending = 0;
  std::uint64_t no_transaction = 0;
};

struct MemoryUse {
  std::size_t budget = 0;           // Options::memory_max
  std::size_t fixed = 0;            // tables, ring, buffers, stack: reserved at start
  std::size_t used = 0;             // fixed + blocks in use
  std::size_t used_peak = 0;        // never above budget
  std::size_t resident = 0;         // fixed + blocks that the system has given pages to
  std::size_t payload = 0;          // encoded bytes of the records in batches
  std::size_t payload_held_by = 0;  // bytes of blocks that hold these records
};

struct Snapshot {
  Ledger ledger;
  Refusals refusals;
  MemoryUse memory;
  Level level = Level::Calm;
  std::uint64_t batches_sent = 0;  // first sends and retries
  std::uint64_t batches_retried = 0;
  std::uint64_t batch_bytes_sent = 0;
  std::uint64_t requests_in_flight = 0;
  std::uint64_t brokers_connected = 0;
  std::uint64_t throttled_ms = 0;     // time that brokers asked us to stay silent (KIP-219)
  std::uint64_t epoch_bumps = 0;      // KIP-360
  std::uint64_t authentications = 0;  // SASL, re-authentications (KIP-368) included
  std::uint64_t authentications_failed = 0;
  std::uint64_t wakes = 0;  // times that a send had to wake the I/O thread
};

}  // namespace spillway
