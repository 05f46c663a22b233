// The ledger of a run as JSON: what was accepted, what became of it, what it cost.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "spillway/snapshot.h"

namespace spillway::cli {

class Histogram;

// What a run adds to the producer's own numbers.
struct RunUse {
  double seconds = 0;          // first send to last fate
  double cpu_seconds = 0;      // user and system, whole process, over the same time
  std::uint64_t rss_peak = 0;  // bytes, whole process, since it began
};

// Latencies of a benchmark; null where it was not asked for.
struct Latencies {
  const Histogram* send = nullptr;
  const Histogram* ack = nullptr;
  double clock_read_ns = 0;  // contained in each send latency once
};

// Refusals are those that the run gave up on, not those that it waited out.
std::string ledger_json(const Snapshot& snapshot, const Refusals& refusals, const RunUse& use,
                        const Latencies& latencies = {});

// The whole text or the file as it was before: written beside it and renamed. What is there but is
// not a regular file (a pipe, /dev/stdout) is written straight. Returns what went wrong, if
// anything.
std::optional<std::string> write_whole(const std::string& path, const std::string& text);

// Whether write_whole would find a place to write: asked before any record is sent.
std::optional<std::string> check_writable(const std::string& path);

}  // namespace spillway::cli
