#include "apps/spillway/bench_command.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdio>
#include <memory>
#include <thread>
#include <vector>

#include "apps/spillway/config_command.h"
#include "apps/spillway/console.h"
#include "apps/spillway/histogram.h"
#include "apps/spillway/pacer.h"
#include "apps/spillway/payload.h"
#include "apps/spillway/signals.h"
#include "apps/spillway/units.h"

namespace spillway::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct BenchFlags {
  SessionOptions session;
  PayloadShape shape;
  std::uint64_t records = 1'000'000;
  std::uint64_t threads = 1;
  std::uint64_t rate = 0;  // of all threads together; 0: as fast as it goes
  bool latency = false;    // also implied by a rate
};

std::uint64_t now_ns() {
  return static_cast<std::uint64_t>(
      std::chrono::nanoseconds(Clock::now().time_since_epoch()).count());
}

// What the callbacks find. With latencies a record's context word is the time of its send, so that
// nothing has to be kept per record; otherwise all contexts are equal, which costs no memory.
struct Sink {
  std::uint64_t delivered = 0;           // I/O thread only; read after close
  std::atomic<std::uint64_t> others{0};  // DropOldest may run a callback on a caller's thread
  Histogram ack;                         // I/O thread only; read after close
};

Sink* sink = nullptr;  // set before the producer opens, cleared after it has closed

void on_fate(void* /*context*/, const Delivery& delivery) noexcept {
  if (delivery.fate == Fate::Delivered) {
    sink->delivered += 1;
  } else {
    sink->others.fetch_add(1, std::memory_order_relaxed);
  }
}

void on_fate_timed(void* context, const Delivery& delivery) noexcept {
  on_fate(context, delivery);
  if (delivery.fate != Fate::Delivered) return;
  sink->ack.record(now_ns() - reinterpret_cast<std::uintptr_t>(context));
}

// The share of one thread: records first, first + step, … below the total.
class Sender {
 public:
  Sender(const BenchFlags& flags, Session& session, const Payload& payload, std::uint64_t first)
      : flags_(flags),
        session_(session),
        payload_(payload),
        first_(first),
        pacer_(static_cast<double>(flags.rate) / static_cast<double>(flags.threads)) {}

  void run() {
    for (std::uint64_t i = first_; i < flags_.records && !Signals::stop(); i += flags_.threads) {
      pacer_.wait([] { return Signals::stop(); });
      const auto sent =
          flags_.latency ? send_timed(i) : session_.send(payload_.record(i), {on_fate});
      if (!sent.ok() && !session_.goes_on_after(sent.error())) return give_up(sent.error());
    }
  }

  [[nodiscard]] const Histogram& latencies() const noexcept { return latencies_; }

 private:
  void give_up(const Error& error) {
    if (!Signals::stop()) session_.end_early(error);
  }

  Result<void> send_timed(std::uint64_t number) {
    const Record record = payload_.record(number);
    const std::uint64_t begin = now_ns();
    auto sent = session_.send(record, {on_fate_timed, std::bit_cast<void*>(begin)});
    latencies_.record(now_ns() - begin);
    return sent;
  }

  const BenchFlags& flags_;
  Session& session_;
  const Payload& payload_;
  const std::uint64_t first_;
  Pacer pacer_;
  Histogram latencies_;
};

// The best of some rounds: in the others somebody else had the processor.
double clock_read_ns() {
  constexpr int kRounds = 20;
  constexpr std::uint64_t kReads = 10'000;
  std::uint64_t best = UINT64_MAX;
  for (int round = 0; round < kRounds; ++round) {
    const std::uint64_t begin = now_ns();
    for (std::uint64_t i = 1; i < kReads; ++i) now_ns();
    best = std::min(best, now_ns() - begin);
  }
  return static_cast<double>(best) / kReads;
}

class BenchRun {
 public:
  explicit BenchRun(const BenchFlags& flags) : flags_(flags), session_(console_, flags.session) {}

  int run();

 private:
  void send_all(const Payload& payload);
  void print_table(const Latencies& latencies) const;
  bool callbacks_agree();

  const BenchFlags& flags_;
  Console console_{"spillway bench"};
  Session session_;
  Sink sink_;
  Histogram send_;
};

int BenchRun::run() {
  const Payload payload(flags_.shape);
  Latencies latencies;
  if (flags_.latency) latencies = {&send_, &sink_.ack, clock_read_ns()};
  sink = &sink_;
  if (const int code = session_.open(); code != kExitDone) return code;
  send_all(payload);
  session_.settle();
  sink = nullptr;
  print_table(latencies);
  const int code = session_.report(latencies);
  return callbacks_agree() ? code : kExitFailed;
}

void BenchRun::send_all(const Payload& payload) {
  std::vector<std::unique_ptr<Sender>> senders;
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < flags_.threads; ++i) {
    senders.push_back(std::make_unique<Sender>(flags_, session_, payload, i));
    threads.emplace_back([sender = senders.back().get()] { sender->run(); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& sender : senders) send_.add(sender->latencies());
}

std::string percentiles(const Histogram& histogram) {
  return "p50 " + format_nanoseconds(histogram.percentile(0.5)) + "   p99 " +
         format_nanoseconds(histogram.percentile(0.99)) + "   p99.9 " +
         format_nanoseconds(histogram.percentile(0.999)) + "   max " +
         format_nanoseconds(histogram.max());
}

// To standard output: the one thing that a pipe behind a benchmark wants to read.
void BenchRun::print_table(const Latencies& latencies) const {
  const Outcome& outcome = session_.outcome();
  const auto accepted = static_cast<double>(outcome.snapshot.ledger.accepted);
  const auto delivered = static_cast<double>(outcome.snapshot.ledger.delivered);
  const RunUse& use = outcome.use;
  std::string text;
  const auto row = [&text](std::string name, const std::string& value) {
    name.resize(14, ' ');
    text += "  " + name + value + "\n";
  };
  row("records/s", format_count(static_cast<std::uint64_t>(delivered / use.seconds)));
  row("CPU/record", format_decimal(accepted > 0 ? use.cpu_seconds * 1e9 / accepted : 0, 1) +
                        " ns, user and system, all threads");
  if (latencies.send != nullptr) {
    row("send()", percentiles(*latencies.send) + "   (one clock read, " +
                      format_decimal(latencies.clock_read_ns, 0) + " ns, included)");
    row("ack", percentiles(*latencies.ack));
  }
  row("memory peak", format_bytes(outcome.snapshot.memory.used_peak) + " of " +
                         format_bytes(outcome.snapshot.memory.budget));
  row("RSS peak", format_bytes(use.rss_peak));
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

// A benchmark that lost a callback has not measured what it says.
bool BenchRun::callbacks_agree() {
  const Ledger& ledger = session_.outcome().snapshot.ledger;
  const std::uint64_t others = sink_.others.load(std::memory_order_relaxed);
  if (sink_.delivered == ledger.delivered && sink_.delivered + others == ledger.accepted)
    return true;
  console_.say("callbacks and ledger disagree: " + format_count(sink_.delivered) +
               " delivered and " + format_count(others) + " other callbacks for " +
               format_count(ledger.accepted) + " accepted records; please report this as a bug");
  return false;
}

void add_shape_flags(CLI::App& app, BenchFlags& flags) {
  add_count(app, "--records", flags.records, kCountMax, "how many to send")->default_str("1000000");
  add_count(app, "--size", flags.shape.value_bytes, Payload::kPartBytesMax, "bytes of a value")
      ->default_str("100");
  add_count(app, "--key-size", flags.shape.key_bytes, Payload::kPartBytesMax,
            "bytes of a key; 0: null keys")
      ->default_str("0");
  add_count(app, "--headers", flags.shape.headers, Payload::kHeadersMax,
            "headers of a record, 64 B each")
      ->default_str("0");
  add_count(app, "--partitions", flags.shape.partitions, 100'000,
            "record i goes to partition i % N; 0: the producer chooses")
      ->default_str("0");
}

}  // namespace

Command add_bench_command(CLI::App& root) {
  auto flags = std::make_shared<BenchFlags>();
  CLI::App* app = root.add_subcommand("bench", "measure what a record costs");
  add_target_flags(*app, flags->session);
  add_shape_flags(*app, *flags);
  add_count(*app, "--threads", flags->threads, 256, "threads that send")
      ->default_str("1")
      ->check([](const std::string& text) {
        return text == "0" ? std::string("needs at least one thread") : std::string();
      });
  add_count(*app, "--rate", flags->rate, kCountMax,
            "records a second, all threads together; 0: no limit")
      ->default_str("0");
  app->add_flag("--latency", flags->latency,
                "measure send and ack latencies: two clock reads a record, one a callback; implied "
                "by --rate");
  add_producer_flags(*app, flags->session.producer);
  add_report_flags(*app, flags->session);
  add_config_flags(*app, flags->session.producer,
                   [app, flags] { require_target(*app, flags->session); });
  return {app, [flags] {
            flags->latency = flags->latency || flags->rate > 0;
            return BenchRun(*flags).run();
          }};
}

}  // namespace spillway::cli
