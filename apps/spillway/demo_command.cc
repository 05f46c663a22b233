#include "apps/spillway/demo_command.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>

#include "apps/spillway/config_command.h"
#include "apps/spillway/console.h"
#include "apps/spillway/pacer.h"
#include "apps/spillway/payload.h"
#include "apps/spillway/signals.h"
#include "apps/spillway/units.h"
#include "testing/dev_broker/dev_broker.h"

namespace spillway::cli {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct DemoFlags {
  SessionOptions session;
  std::uint64_t seconds = 20;
  std::uint64_t rate = 200'000;
};

// When the broker goes and comes back, as shares of the demo: 20 s make an outage of 6 s.
constexpr double kOutageBegin = 0.3;
constexpr double kOutageEnd = 0.6;

// The embedded broker keeps little, so that the memory seen is the producer's.
dev::DevBrokerOptions broker_options(const std::string& topic) {
  dev::DevBrokerOptions options;
  options.topics = {{topic, 4}};
  options.log_bytes_max = std::size_t{4} << 20;
  return options;
}

// Takes the broker away and brings it back, on a thread of its own: the sender may be waiting then.
// The broker is up again when it has been destroyed.
class Outage {
 public:
  Outage(dev::DevBroker& broker, Session& session, milliseconds duration)
      : broker_(broker), session_(session), duration_(duration), thread_([this] { run(); }) {}
  ~Outage() {
    end_.store(true, std::memory_order_relaxed);
    thread_.join();
  }
  Outage(const Outage&) = delete;
  Outage& operator=(const Outage&) = delete;

 private:
  void run() {
    session_.note("the broker is up");
    if (!wait_until(kOutageBegin)) return;
    broker_.stop_node(dev::kFirstNodeId);
    session_.note("THE BROKER IS GONE: port closed, connections cut");
    wait_until(kOutageEnd);
    broker_.start_node(dev::kFirstNodeId);
    session_.note("the broker is back");
  }

  bool wait_until(double share) {
    const auto until = start_ + std::chrono::duration_cast<Clock::duration>(duration_ * share);
    while (Clock::now() < until) {
      if (end_.load(std::memory_order_relaxed) || Signals::stop()) return false;
      std::this_thread::sleep_for(milliseconds(20));
    }
    return true;
  }

  dev::DevBroker& broker_;
  Session& session_;
  const milliseconds duration_;
  const Clock::time_point start_ = Clock::now();
  std::atomic<bool> end_{false};  // relaxed: it only ends waits
  std::thread thread_;            // last: everything it uses is there before it starts
};

class DemoRun {
 public:
  explicit DemoRun(const DemoFlags& flags) : flags_(flags) {}

  int run();

 private:
  bool start_broker();
  void introduce();
  void send_for_a_while(Session& session) const;
  int judge(Session& session);

  DemoFlags flags_;
  Console console_{"spillway demo"};
  std::unique_ptr<dev::DevBroker> broker_;  // null: the user's own Kafka
};

int DemoRun::run() {
  if (flags_.session.producer.bootstrap.empty() && !start_broker()) return kExitFailed;
  introduce();
  Session session(console_, flags_.session);
  if (const int code = session.open(); code != kExitDone) return code;
  {
    std::optional<Outage> outage;
    if (broker_ != nullptr) outage.emplace(*broker_, session, std::chrono::seconds(flags_.seconds));
    send_for_a_while(session);
  }
  session.settle();
  return judge(session);
}

bool DemoRun::start_broker() {
  broker_ = std::make_unique<dev::DevBroker>(broker_options(flags_.session.topic));
  if (!broker_->error().empty()) {
    console_.say("the embedded broker cannot start: " + broker_->error());
    return false;
  }
  flags_.session.producer.bootstrap = broker_->bootstrap();
  return true;
}

void DemoRun::introduce() {
  const auto seconds = static_cast<double>(flags_.seconds);
  console_.say(format_count(flags_.rate) + " records of 100 B a second for " +
               format_decimal(seconds, 0) + " s to " + flags_.session.producer.bootstrap +
               ", memory budget " + format_bytes(flags_.session.producer.memory_max));
  if (broker_ == nullptr) return;
  console_.say("the embedded broker goes away after " + format_decimal(seconds * kOutageBegin, 0) +
               " s and comes back " + format_decimal(seconds * (kOutageEnd - kOutageBegin), 0) +
               " s later");
}

void DemoRun::send_for_a_while(Session& session) const {
  const Payload payload({});
  const auto until = Clock::now() + std::chrono::seconds(flags_.seconds);
  const auto over = [until] { return Signals::stop() || Clock::now() >= until; };
  Pacer pacer(static_cast<double>(flags_.rate));
  for (std::uint64_t i = 0; !over(); ++i) {
    pacer.wait(over);
    const auto sent = session.send(payload.record(i));
    if (sent.ok() || session.goes_on_after(sent.error())) continue;
    if (!Signals::stop()) session.end_early(sent.error());
    return;
  }
}

// What the demo promises: the ledger adds up, memory stayed below the budget, and nothing met a
// fate that the policy does not explain.
int DemoRun::judge(Session& session) {
  const Outcome& outcome = session.outcome();
  const Ledger& ledger = outcome.snapshot.ledger;
  session.say_summary();
  const bool bounded = outcome.snapshot.memory.used_peak <= outcome.snapshot.memory.budget;
  const bool explained = ledger.failed == 0 && ledger.unknown == 0 && ledger.held == 0;
  const bool adds_up = ledger.accepted == ledger.delivered + ledger.dropped + ledger.failed +
                                              ledger.unknown + ledger.held;
  if (ledger.dropped > 0 && flags_.session.producer.when_full == WhenFull::DropOldest) {
    console_.say(
        "dropped records were the oldest unsent ones, as --when-full drop-oldest asks; "
        "--when-full block waits instead and drops none");
  }
  if (broker_ != nullptr) console_.say("RSS is of this process, the embedded broker included");
  if (!bounded) console_.say("memory went above the budget; please report this as a bug");
  if (!adds_up) console_.say("the ledger does not add up; please report this as a bug");
  if (const auto problem = session.write_ledger({})) console_.say(*problem);
  const bool complete = session.say_ended_early();
  return bounded && explained && adds_up && complete ? kExitDone : kExitFailed;
}

}  // namespace

Command add_demo_command(CLI::App& root) {
  auto flags = std::make_shared<DemoFlags>();
  Options& options = flags->session.producer;
  flags->session.topic = "spillway-demo";
  options.memory_max = std::size_t{16} << 20;
  options.when_full = WhenFull::DropOldest;
  CLI::App* app =
      root.add_subcommand("demo", "a steady stream, a broker that goes away, a live view");
  app->add_option("--bootstrap", options.bootstrap,
                  "use this Kafka and force no outage; without it: an embedded broker")
      ->type_name("HOST:PORT[,HOST:PORT]");
  app->add_option("--topic", flags->session.topic, "where the records go")
      ->type_name("TOPIC")
      ->default_str("spillway-demo");
  add_count(*app, "--seconds", flags->seconds, 86'400, "how long it streams")->default_str("20");
  add_count(*app, "--rate", flags->rate, 100'000'000, "records a second; 0: no limit")
      ->default_str("200000");
  add_bytes(*app, "--memory", options.memory_max, "never hold more than this")
      ->type_name("SIZE")
      ->default_str("16MiB");
  add_when_full(*app, options.when_full, "drop-oldest");
  add_report_flags(*app, flags->session);
  add_config_flags(*app, options);
  return {app, [flags] { return DemoRun(*flags).run(); }};
}

}  // namespace spillway::cli
