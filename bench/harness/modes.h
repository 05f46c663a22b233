// The loops. They are the same for every client, so that a difference between two rows is the
// client's.
#pragma once

#include <concepts>
#include <cstdint>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "harness/fates.h"
#include "harness/payload.h"
#include "harness/process.h"
#include "harness/report.h"
#include "harness/settings.h"

namespace spillway::bench {

enum class Offer : std::uint8_t { Accepted, Full, Refused };

template <typename C>
concept Client =
    requires(C client, const Item& item, std::uint64_t mono, double seconds, Report& report) {
      { client.name() } -> std::convertible_to<std::string>;
      { client.send(item) } -> std::same_as<Offer>;  // several threads, if `threads` says so
      client.serve();                                // callbacks that wait for the caller's thread
      client.serve_until(mono);  // the same, until the monotonic clock says `mono`
      client.wait_for_room();    // after Full; a few ms at most
      { client.drain(seconds) } -> std::same_as<bool>;
      client.describe(report);  // the client's own numbers
    };

inline constexpr std::uint64_t kServeEvery = 256;    // sends between two looks at callbacks
inline constexpr std::uint64_t kTickNs = 1'000'000;  // rate modes offer once a tick
inline constexpr double kDrainSeconds = 120;

struct Counts {
  std::uint64_t accepted = 0;
  std::uint64_t full = 0;     // answers Full; a retried record counts again
  std::uint64_t refused = 0;  // records given up
  Histogram send_ns;
};

template <Client C>
void offer_all(C& client, const Payload& payload, std::uint64_t first, std::uint64_t last,
               Counts& counts) {
  for (std::uint64_t i = first; i < last; ++i) {
    Offer answer = client.send(payload.item(i));
    while (answer == Offer::Full) {
      ++counts.full;
      client.wait_for_room();
      answer = client.send(payload.item(i));
    }
    ++(answer == Offer::Accepted ? counts.accepted : counts.refused);
    if (i % kServeEvery == 0) client.serve();
  }
}

template <Client C>
void throughput(C& client, const Payload& payload, const Settings& settings, Counts& counts) {
  if (settings.threads == 1) return offer_all(client, payload, 0, settings.records, counts);
  std::vector<Counts> parts(settings.threads);
  std::vector<std::thread> callers;
  for (std::uint64_t t = 0; t < settings.threads; ++t) {
    const std::uint64_t first = settings.records * t / settings.threads;
    const std::uint64_t last = settings.records * (t + 1) / settings.threads;
    callers.emplace_back(
        [&, t, first, last] { offer_all(client, payload, first, last, parts[t]); });
  }
  for (std::uint64_t t = 0; t < settings.threads; ++t) {
    callers[t].join();
    counts.accepted += parts[t].accepted;
    counts.full += parts[t].full;
    counts.refused += parts[t].refused;
  }
}

// Open loop: a tick that comes late offers what the clock owes, so a stall is paid for by the
// records behind it.
template <Client C>
void paced(C& client, const Payload& payload, const Settings& settings, Counts& counts) {
  const bool ack = settings.mode == Mode::AckLatency;
  const std::uint64_t start = mono_ns();
  const auto ticks = static_cast<std::uint64_t>(settings.seconds * 1e9 / kTickNs);
  std::uint64_t index = 0;
  for (std::uint64_t tick = 1; tick <= ticks; ++tick) {
    for (const std::uint64_t due = settings.rate * tick / 1000; index < due; ++index) {
      Item item = payload.item(index);
      const std::uint64_t before = mono_ns();
      if (ack) item.tag = before;
      const Offer answer = client.send(item);
      if (!ack) counts.send_ns.add(mono_ns() - before);
      ++(answer == Offer::Accepted ? counts.accepted
         : answer == Offer::Full   ? counts.full
                                   : counts.refused);
    }
    client.serve_until(start + tick * kTickNs);
  }
}

// Offers without a pause until `seconds` are over or nothing was accepted for `quiet_seconds`.
template <Client C>
void offer_for(C& client, const Payload& payload, const Settings& settings, Counts& counts) {
  const std::uint64_t start = mono_ns();
  const auto length = static_cast<std::uint64_t>(settings.seconds * 1e9);
  const auto quiet = static_cast<std::uint64_t>(settings.quiet_seconds * 1e9);
  std::uint64_t accepted_last = start;
  for (std::uint64_t i = 0, now = start; now - start < length; ++i) {
    const Offer answer = client.send(payload.item(i));
    if (answer == Offer::Accepted) {
      ++counts.accepted;
      if (i % kServeEvery != 0) continue;
      client.serve();
      now = accepted_last = mono_ns();
      continue;
    }
    ++(answer == Offer::Full ? counts.full : counts.refused);
    client.wait_for_room();
    now = mono_ns();
    if (quiet > 0 && now - accepted_last > quiet) return;
  }
}

inline void say(const Settings& settings, const Report& event) {
  if (!settings.steered) return;
  event.print();
  std::string line;
  std::getline(std::cin, line);
}

inline void add_memory(Report& report, std::string_view when) {
  report.add("rss_" + std::string(when), rss_bytes());
  report.add("rss_peak_" + std::string(when), rss_peak_bytes());
}

// The conversation when steered: {"event": "ready"} → a line (brokers are gone now) → {"event":
// "held", …} → a line (brokers are back) → the result.
template <Client C>
void hold(C& client, const Payload& payload, const Settings& settings, Counts& counts,
          Report& report) {
  Report ready;
  ready.add("event", "ready");
  add_memory(ready, "ready");
  say(settings, ready);
  add_memory(report, "before");
  const auto before = fates.totals();
  offer_for(client, payload, settings, counts);
  const auto at_end = fates.totals();
  Report held;
  held.add("event", "held");
  held.add("accepted", counts.accepted);
  held.add("held", counts.accepted - (at_end.all() - before.all()));
  held.add("dropped", at_end.dropped - before.dropped);
  client.describe(held);
  add_memory(held, "held");
  report.add("held", counts.accepted - (at_end.all() - before.all()));
  add_memory(report, "held");
  say(settings, held);
  report.add("drained", client.drain(kDrainSeconds) ? "yes" : "no");
  add_memory(report, "drained");
  client.serve_until(mono_ns() + static_cast<std::uint64_t>(settings.settle_seconds * 1e9));
  add_memory(report, "settled");
}

// What one clock read costs inside the latencies: not subtracted anywhere.
inline std::uint64_t clock_ns() {
  Histogram cost;
  for (int i = 0; i < 10'000; ++i) {
    const std::uint64_t before = mono_ns();
    cost.add(mono_ns() - before);
  }
  return cost.quantile(0.5);
}

struct Marks {  // taken right before and right after the measured part
  std::uint64_t start_ns = mono_ns();
  double cpu_seconds = process_use().cpu_seconds();
  std::int64_t allocations = bench::allocations();
};

inline void add_counts(Report& report, const Settings& settings, const Counts& counts) {
  const auto fate = fates.totals();
  const std::uint64_t accepted = counts.accepted + settings.warm_up;
  report.add("accepted", accepted);
  report.add("delivered", fate.delivered);
  report.add("dropped", fate.dropped);
  report.add("failed", fate.failed);
  report.add("unaccounted", static_cast<std::int64_t>(accepted - fate.all()));
  report.add("full", counts.full);
  report.add("refused", counts.refused);
}

inline void add_costs(Report& report, const Counts& counts, const Marks& begin, const Marks& end,
                      std::uint64_t warm_up) {
  const auto measured = static_cast<double>(counts.accepted);
  const double seconds = static_cast<double>(end.start_ns - begin.start_ns) * 1e-9;
  const ProcessUse use = process_use();
  report.add("seconds", seconds);
  report.add("records_per_second", measured / seconds);
  report.add("cpu_ns_per_record",
             end.cpu_seconds * 1e9 / (measured + static_cast<double>(warm_up)));
  report.add("cpu_ns_per_record_steady", (end.cpu_seconds - begin.cpu_seconds) * 1e9 / measured);
  report.add("cpu_user_seconds", use.user_seconds);
  report.add("cpu_system_seconds", use.system_seconds);
  report.add("switches_voluntary", use.switches_voluntary);
  report.add("switches_forced", use.switches_forced);
  if (end.allocations >= 0) {
    report.add("allocations_per_record",
               static_cast<double>(end.allocations - begin.allocations) / measured);
  }
}

template <Client C>
bool warmed_up(C& client, const Payload& payload, const Settings& settings) {
  Counts counts;
  offer_all(client, payload, 0, settings.warm_up, counts);
  return client.drain(kDrainSeconds) && fates.totals().delivered == settings.warm_up;
}

// Returns the exit code: 0 only if every accepted record was delivered (Hold: met a fate).
template <Client C>
int measure(C& client, const Settings& settings) {
  static const Payload payload(settings);
  static Counts counts;
  Report report;
  report.add("client", client.name());
  if (!warmed_up(client, payload, settings)) {
    std::fprintf(stderr,
                 "bench: the warm-up was not delivered: is %s reachable and is there a topic %s?\n",
                 settings.bootstrap.c_str(), settings.topic.c_str());
    return 1;
  }
  const Marks begin;
  switch (settings.mode) {
    case Mode::Throughput:
      throughput(client, payload, settings, counts);
      break;
    case Mode::SendLatency:
    case Mode::AckLatency:
      paced(client, payload, settings, counts);
      break;
    case Mode::Hold:
      hold(client, payload, settings, counts, report);
      break;
  }
  const bool drained = settings.mode == Mode::Hold || client.drain(kDrainSeconds);
  const Marks end;
  report.add("rss_peak", rss_peak_bytes());
  report.add("rss_end", rss_bytes());
  add_counts(report, settings, counts);
  add_costs(report, counts, begin, end, settings.warm_up);
  report.add("clock_ns", clock_ns());
  if (settings.mode == Mode::SendLatency) report.add("send_ns", counts.send_ns);
  if (settings.mode == Mode::AckLatency) report.add("ack_ns", fates.latency());
  client.describe(report);
  report.print();
  const auto fate = fates.totals();
  const bool all_told = drained && fate.all() == counts.accepted + settings.warm_up;
  return all_told && (settings.mode == Mode::Hold || fate.failed == 0) ? 0 : 1;
}

}  // namespace spillway::bench
