#include "producer/plan.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <thread>

#include "cluster/engine.h"
#include "cluster/sasl_text.h"
#include "producer/lanes.h"
#include "ring/ring.h"

namespace spillway {
namespace {

// c-ares, names, sentences of errors: control path, bounded by small constants of theirs.
constexpr std::size_t kHeapAllowance = 128 * kKiB;
// Measured: 165 KB after the first SCRAM exchange, and no more after the next ones.
constexpr std::size_t kOpenSslBytes = 192 * kKiB;
constexpr std::size_t kPageReserveMin = 64 * kPageBytes;
constexpr std::uint32_t kSlotsMin = 256;  // unless Options::ring_slots says less

// More slots than the I/O thread takes in a few ms only make a queue that has left the cache: at
// 1000 B 1,024 slots cost 330-360 ns a record where 32,768 cost 470-560. LOW must hold a linger of
// 200,000/s.
std::uint32_t choose_slots(const Options& options) {
  if (options.ring_slots != 0) return options.ring_slots;
  return static_cast<std::uint32_t>(
      std::bit_floor(std::clamp<std::size_t>(options.memory_max / (8 * kKiB), kSlotsMin, 65536)));
}

std::uint32_t choose_lanes(const Options& options) {
  if (options.lanes != 0) return options.lanes;
  const auto by_core = std::clamp(2 * std::thread::hardware_concurrency(), 2U, 16U);
  // A lane may keep two chunks open: together at most a sixteenth of the budget.
  const auto by_memory = static_cast<std::uint32_t>(options.memory_max / (32 * kChunkBytes));
  return std::clamp(by_memory, 1U, by_core);
}

std::size_t span_bytes(const Options& options) {
  return round_up(
      options.record_bytes_max + sizeof(RecordHeader) + sizeof(BorrowedValue) + kPrefixRoom + 64,
      kPageBytes);
}

// Two small chunks a lane, so that one can be filled while the other is emptied; the largest
// record; pages to batch it.
std::size_t pool_bytes_min(const Options& options, std::uint32_t lanes) {
  return std::size_t{lanes} * 3 * kChunkBytes + span_bytes(options) + 2 * kPageReserveMin;
}

// What must be reserved before the first record, and the bytes of the pool's own tables.
MemoryPlan plan_fixed(const Options& options) {
  MemoryPlan plan;
  plan.ring_slots = choose_slots(options);
  plan.lanes = choose_lanes(options);
  plan.pool.span_bytes_max = span_bytes(options);
  plan.pool.bytes_max = options.memory_max;  // for the tables: a little more than it will be
  const auto add = [&plan](const char* holder, std::size_t bytes, std::string why) {
    plan.fixed.push_back({holder, bytes, std::move(why)});
    plan.fixed_bytes += bytes;
  };
  add("ring", plan.ring_slots * sizeof(Ring<>::Slot),
      std::to_string(plan.ring_slots) + " slots of 16 bytes");
  add("lanes", plan.lanes * sizeof(Lane), std::to_string(plan.lanes) + " lanes");
  add("topics and partitions", Topics::table_bytes(options),
      std::to_string(options.topics_max) + " topics, " + std::to_string(options.partitions_max) +
          " partitions");
  add("broker sessions", Engine::memory_bytes(options),
      std::to_string(Engine::connections_max(options)) +
          " sessions of 30 KiB, one large frame, decode arena");
  if (const std::size_t packing = Packer::memory_bytes(options); packing > 0)
    add("compression", packing, "scratch for one batch, state of the codecs");
  if (options.sasl) add("authentication", kOpenSslBytes, "what OpenSSL keeps for its hashes");
  add("connections", EpollTransport::memory_bytes(transport_options(options)),
      "table of the transport");
  if (options.tls)
    add("TLS", TlsTransport::memory_bytes(*options.tls, tls_limits(options)),
        std::to_string(tls_limits(options).connections_max) +
            " links of OpenSSL, authorities, one handshake");
  add("I/O thread", kIoStackBytes, "stack");
  add("heap", kHeapAllowance, "names, resolver, sentences");
  add("block tables", Pool::table_bytes(plan.pool), "state words and free lists");
  return plan;
}

std::size_t bytes_needed(const Options& options, const MemoryPlan& plan) {
  return round_up(plan.fixed_bytes + pool_bytes_min(options, plan.lanes), kPageBytes);
}

// What a budget may choose for itself grows in steps; just behind a step it does with the least, so
// that nobody who gives more is told that it is too little.
Options leanest(Options options) {
  if (options.sasl) wipe(options.sasl->password);  // of a copy: nobody adds up passwords
  if (options.lanes == 0) options.lanes = 1;
  if (options.ring_slots == 0) options.ring_slots = kSlotsMin;
  return options;
}

// The tables grow with the budget, so the smallest that works is found by trying what the last try
// needed.
std::size_t smallest_budget(const Options& wanted) {
  Options options = leanest(wanted);
  options.memory_max = 0;
  for (int tries = 0; tries < 64; ++tries) {
    const std::size_t needed = bytes_needed(options, plan_fixed(options));
    if (needed <= options.memory_max) break;
    options.memory_max = needed;
  }
  return options.memory_max;
}

}  // namespace

EpollTransport::Options transport_options(const Options& options) {
  EpollTransport::Options transport;
  // Rows of dead connections come free at the next poll.
  transport.connections_max = Engine::connections_max(options) + 8;
  return transport;
}

// A session holds its link until it hears that it is closed: there are never more.
TlsTransport::Limits tls_limits(const Options& options) {
  return {.connections_max = Engine::connections_max(options)};
}

Result<MemoryPlan> plan_memory(const Options& options) {
  MemoryPlan plan = plan_fixed(options);
  if (options.memory_max < bytes_needed(options, plan)) plan = plan_fixed(leanest(options));
  if (options.memory_max < bytes_needed(options, plan)) {
    return Error(ErrorCode::BudgetTooSmall,
                 "memory_max is " + std::to_string(options.memory_max) +
                     " bytes; the smallest that works with these options is " +
                     std::to_string(smallest_budget(options)) +
                     " (fewer brokers_max, partitions_max or a smaller record_bytes_max lower it)");
  }
  Pool::Config& pool = plan.pool;
  pool.bytes_max = (options.memory_max - plan.fixed_bytes) / kPageBytes * kPageBytes;
  pool.page_reserve = std::max(pool.bytes_max / 16 / kPageBytes * kPageBytes, kPageReserveMin);
  const std::size_t small_min = std::size_t{plan.lanes} * 2 * kChunkBytes;
  pool.small_bytes_max = std::max(round_up(pool.bytes_max / 16, kChunkBytes), small_min);
  return plan;
}

std::string MemoryPlan::text() const {
  std::string out;
  char line[160];
  const auto add = [&](const char* holder, std::size_t bytes, const char* why) {
    std::snprintf(line, sizeof(line), "%-24s %12zu  %s\n", holder, bytes, why);
    out += line;
  };
  for (const Line& each : fixed) add(each.holder, each.bytes, each.why.c_str());
  add("records", pool.bytes_max, "pages, chunks and spans, in 4 KiB steps");
  add("  of it small chunks", pool.small_bytes_max, "at most: records on their way into a batch");
  add("  of it reserved", pool.page_reserve, "only for the I/O thread's batches");
  add("sum", fixed_bytes + pool.bytes_max, "at most memory_max");
  return out;
}

}  // namespace spillway
