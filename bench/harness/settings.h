// The one command line of every bench client: the same words mean the same thing for Spillway and
// its rivals.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace spillway::bench {

enum class Mode : std::uint8_t {
  Throughput,   // as fast as accepted, then wait for every acknowledgement
  SendLatency,  // `rate` records a second in 1 ms ticks; every send call is timed
  AckLatency,   // the same, from the send call to the callback
  Hold,         // offer against brokers that do not answer; see modes.h for the conversation
};

enum class Spread : std::uint8_t {
  Sticky,      // no key, the client's default partitioner
  RoundRobin,  // record i goes to partition i modulo `partitions`
};

struct Settings {
  std::string bootstrap = "127.0.0.1:9092";
  std::string topic = "bench";
  Mode mode = Mode::Throughput;
  Spread spread = Spread::Sticky;
  std::uint64_t records = 1'000'000;  // offered after the warm-up; rate modes: bounded by `seconds`
  std::uint64_t warm_up = 1'000;  // sent and awaited first, outside latencies and steady numbers
  std::size_t size = 100;         // value bytes
  std::string payload_file;  // values are its lines, picked at random; `size` says nothing then
  std::size_t key_size = 0;  // 0: null key
  std::uint64_t headers = 0;
  std::size_t header_size = 64;  // name and value together, at least 9
  std::uint64_t partitions = 1;  // of the topic, as the caller made it
  std::uint64_t threads = 1;
  std::uint64_t rate = 200'000;  // records a second
  double seconds = 10;           // rate modes: length; Hold: longest time of offering
  double quiet_seconds = 10;     // Hold: stop after so long without an acceptance; 0: never
  double settle_seconds = 30;    // Hold: time between the drain and the last look at RSS
  std::int64_t linger_ms = 5;
  std::size_t memory_bytes = std::size_t{64} << 20;
  std::size_t batch_bytes = 1'000'000;
  std::string when_full = "block";  // block, fail-fast, drop-oldest (the last: Spillway only)
  std::int64_t acks = -1;
  bool idempotent = true;
  std::string compression = "none";  // gzip, snappy, lz4, zstd, at the client's default level
  std::string tls_ca;                // a PEM file; empty: plain TCP
  bool steered = false;              // Hold: print events and wait for lines on standard input
};

// Reads --name value pairs (--steered alone). Ends the process with one sentence if something is
// wrong.
Settings settings_from(int argc, char** argv);

}  // namespace spillway::bench
