// Every setting, what it does, what it costs. The defaults are safe for somebody who read only the
// example: bounded, copying, idempotent, acknowledged by all in-sync replicas.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "spillway/compression.h"
#include "spillway/overload.h"
#include "spillway/security.h"

namespace spillway {

class Observer;

// What send() does when there is no room.
enum class WhenFull : std::uint8_t {
  Block,       // wait up to block_deadline, then Full
  FailFast,    // Full at once
  DropOldest,  // accept; the oldest record not yet sent is dropped, and its callback says so
};

enum class Acks : std::int8_t { None = 0, Leader = 1, All = -1 };

enum class KeyPartitioner : std::uint8_t {
  Murmur2,  // as the Java client, franz-go and Redpanda's tools
  Crc32,    // as librdkafka's consistent_random
};

struct Options {
  // "host:port[,host:port…]". Names may have several addresses. Tried in turn; never emptied.
  std::string bootstrap;
  std::string client_id = "spillway";
  // None: plain TCP. Tls{} verifies the broker against the system's authorities.
  std::optional<Tls> tls = std::nullopt;
  std::optional<Sasl> sasl = std::nullopt;

  // Everything that the producer holds, in bytes: see Producer::plan(). Refused if too small.
  std::size_t memory_max = std::size_t{64} << 20;
  WhenFull when_full = WhenFull::Block;
  std::chrono::milliseconds block_deadline{60'000};
  WaterLevels water_levels{};

  Acks acks = Acks::All;
  // No duplicates and no reordering by retries (KIP-98). Needs acks All.
  bool idempotence = true;
  // Names this producer across restarts: whoever opens with the same id fences the one before
  // (KIP-98). Empty: no transactions. Needs idempotence and not DropOldest.
  std::string transactional_id = {};
  // The cluster aborts a transaction that has been open for longer.
  std::chrono::milliseconds transaction_timeout{60'000};
  // A record waits this long for company. At level MID and above up to four times as long.
  std::chrono::milliseconds linger{5};
  // Encoded bytes of one batch; the broker's limit is message.max.bytes.
  std::size_t batch_bytes_max = 1'000'000;
  // Closed batches wait packed, so an outage fills memory_max with what they have become.
  Compression compression = {};
  // A thread of its own for the codec: worth it when the I/O thread is busy and a core is not.
  bool compression_thread = false;
  // Topics that want something else, at most 16.
  std::vector<TopicCompression> compression_of = {};
  // Key, value and headers of one record as encoded; larger is TooLarge.
  std::size_t record_bytes_max = 1'000'000;
  // From acceptance to fate (KIP-91). 0: never expires.
  std::chrono::milliseconds delivery_timeout{120'000};
  std::chrono::milliseconds request_timeout{30'000};
  // Doubles from the first to the second with 20 % jitter (KIP-580).
  std::chrono::milliseconds retry_backoff{100};
  std::chrono::milliseconds retry_backoff_max{1'000};
  std::chrono::milliseconds metadata_age_max{300'000};
  // Produce requests in flight per broker. At most 5 with idempotence: brokers remember 5 batches.
  int in_flight_max = 5;

  KeyPartitioner key_partitioner = KeyPartitioner::Murmur2;
  // Null keys prefer partitions whose leader keeps up (KIP-794).
  bool adaptive_partitioning = true;

  // Null keys prefer partitions led in this rack (KIP-1123); empty: wherever they are.
  std::string client_rack = {};

  // Fixed tables: they are part of the budget (about 0.5 KiB a partition, 20 KiB a broker).
  std::uint32_t topics_max = 64;
  std::uint32_t partitions_max = 2048;
  std::uint32_t brokers_max = 32;
  // Slots of the ring between callers and the I/O thread, a power of two, 16 bytes each. 0: chosen
  // from memory_max.
  std::uint32_t ring_slots = 0;
  // Open chunks that callers fill side by side. 0: two per core, at most 16, less if memory_max is
  // small.
  std::uint32_t lanes = 0;

  // Must outlive the producer. May be null.
  Observer* observer = nullptr;
};

}  // namespace spillway
