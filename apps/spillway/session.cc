#include "apps/spillway/session.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "apps/spillway/console.h"
#include "apps/spillway/process_use.h"
#include "apps/spillway/signals.h"
#include "apps/spillway/units.h"

namespace spillway::cli {
namespace {

using std::chrono::milliseconds;

// No call into the producer waits longer, so a signal is obeyed within this time.
constexpr milliseconds kSlice{100};
// A slot or lane that stays taken this long is no longer somebody else's short moment.
constexpr milliseconds kBusyPatience{1000};
// A record has met its fate by its delivery timeout; this much later waiting is pointless.
constexpr milliseconds kFateGrace{30'000};

bool is_usage_error(ErrorCode code) {
  return code == ErrorCode::InvalidOption || code == ErrorCode::InvalidArgument ||
         code == ErrorCode::BudgetTooSmall;
}

std::string reasons_sentence(const Ledger& ledger) {
  std::string text;
  for (int i = 1; i < kReasonCount; ++i) {
    const std::uint64_t count = ledger.by_reason[static_cast<std::size_t>(i)];
    if (count == 0) continue;
    if (!text.empty()) text += ", ";
    text += format_count(count) + " " + std::string(name_of(static_cast<Reason>(i)));
  }
  return text;
}

}  // namespace

Session::Session(Console& console, SessionOptions options)
    : console_(console),
      options_(std::move(options)),
      block_deadline_(options_.producer.block_deadline) {
  options_.producer.observer = &events_;
  options_.producer.block_deadline = std::min(block_deadline_, kSlice);
}

Session::~Session() = default;

int Session::open() {
  if (!options_.ledger_path.empty()) {
    if (const auto problem = check_writable(options_.ledger_path)) {
      console_.say(*problem + "; give --ledger a file in a directory that can be written");
      return kExitUsage;
    }
  }
  auto opened = Producer::open(options_.producer);
  if (!opened.ok()) return fail_to_open(opened.error());
  producer_.emplace(std::move(opened).value());
  if (const int code = find_topic(); code != kExitDone) return code;
  progress_ = std::make_unique<Progress>([this] { return producer_->snapshot(); }, events_,
                                         console_, options_.progress);
  start_ = Clock::now();
  cpu_seconds_at_start_ = cpu_seconds_used();
  return kExitDone;
}

int Session::fail_to_open(const Error& error) {
  console_.say(error.message());
  return is_usage_error(error.code()) ? kExitUsage : kExitFailed;
}

// In slices, so that a signal ends the wait. A slice that ends says only TimedOut or Unreachable.
int Session::find_topic() {
  const auto end = Clock::now() + kTopicPatience;
  while (true) {
    auto found = producer_->topic(options_.topic, milliseconds(1000));
    if (found.ok()) {
      topic_ = found.value();
      return kExitDone;
    }
    const bool may_change =
        found.code() == ErrorCode::TimedOut || found.code() == ErrorCode::Unreachable;
    if (Signals::stop()) {
      console_.say("stopped by a signal before anything was sent");
      return kExitFailed;
    }
    if (!may_change || Clock::now() >= end) return fail_to_open(found.error());
    if (found.code() == ErrorCode::Unreachable) std::this_thread::sleep_for(kSlice);
  }
}

Result<void> Session::send_patiently(const Record& record, Completion completion,
                                     Result<void> sent) {
  const bool blocks = options_.producer.when_full == WhenFull::Block;
  const auto begin = Clock::now() - options_.producer.block_deadline;  // one slice is over
  const auto full_end = blocks ? begin + block_deadline_ : begin;
  const auto busy_end = begin + kBusyPatience;
  while (!sent.ok()) {
    const ErrorCode code = sent.code();
    const bool waits = code == ErrorCode::Full || code == ErrorCode::TopicPending;
    if ((waits || code == ErrorCode::Busy) && blocks && Signals::stop()) return ErrorCode::Closed;
    const auto end = waits ? full_end : busy_end;
    const bool again = (waits || code == ErrorCode::Busy) && Clock::now() < end;
    if (!again) break;
    if (code == ErrorCode::Busy) std::this_thread::yield();
    sent = producer_->send(topic_, record, completion);
  }
  if (!sent.ok()) count_refusal(sent.code());
  return sent;
}

void Session::count_refusal(ErrorCode code) noexcept {
  refused_[static_cast<std::size_t>(code)].fetch_add(1, std::memory_order_relaxed);
}

Refusals Session::refusals() const noexcept {
  const auto count = [this](ErrorCode code) {
    return refused_[static_cast<std::size_t>(code)].load(std::memory_order_relaxed);
  };
  return {.full = count(ErrorCode::Full),
          .busy = count(ErrorCode::Busy),
          .too_large = count(ErrorCode::TooLarge),
          .would_deadlock = count(ErrorCode::WouldDeadlock),
          .closed = count(ErrorCode::Closed),
          .unknown_topic = count(ErrorCode::UnknownTopic),
          .topic_pending = count(ErrorCode::TopicPending)};
}

void Session::note(std::string text) {
  progress_->note(std::move(text));
}

const Outcome& Session::settle() {
  wait_for_fates();
  outcome_.use.seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  outcome_.use.cpu_seconds = cpu_seconds_used() - cpu_seconds_at_start_;
  progress_->stop();  // before close, whose cut connections are nobody's news
  [[maybe_unused]] const auto closed = producer_->close(milliseconds(0));
  outcome_.use.rss_peak = rss_peak();
  outcome_.snapshot = producer_->snapshot();
  outcome_.refusals = refusals();
  return outcome_;
}

void Session::wait_for_fates() {
  auto end = patience_end();
  bool told = false;
  while (!Signals::stop_now() && Clock::now() < end) {
    if (Signals::stop() && !told) {
      told = true;
      end = std::min(end, Clock::now() + kStopPatience);
      console_.say("stopping: what was accepted has " + std::to_string(kStopPatience.count()) +
                   " s to arrive; a second signal ends at once");
    }
    const auto flushed = producer_->flush(kSlice);
    if (flushed.ok() || flushed.code() != ErrorCode::TimedOut) return;
  }
}

Session::Clock::time_point Session::patience_end() const {
  const auto timeout = options_.producer.delivery_timeout;
  if (timeout == milliseconds(0)) return Clock::time_point::max();  // "never expires" was asked for
  return Clock::now() + timeout + kFateGrace;
}

bool Session::goes_on_after(const Error& error) const noexcept {
  if (error.code() == ErrorCode::TooLarge) return true;
  const bool full_now = error.action() == Action::BackOff || error.action() == Action::Retry;
  return full_now && options_.producer.when_full != WhenFull::Block;
}

void Session::end_early(const Error& error) {
  const std::lock_guard lock(mutex_);
  if (!end_cause_) end_cause_ = error;
}

bool Session::say_ended_early() {
  if (!end_cause_) return true;
  console_.say("sending ended early: " + end_cause_->message());
  return false;
}

std::optional<std::string> Session::write_ledger(const Latencies& latencies) {
  if (options_.ledger_path.empty()) return std::nullopt;
  return write_whole(options_.ledger_path,
                     ledger_json(outcome_.snapshot, outcome_.refusals, outcome_.use, latencies));
}

int Session::report(const Latencies& latencies) {
  bool well = true;
  if (const auto problem = write_ledger(latencies)) {
    console_.say(*problem);
    well = false;
  }
  well = say_problems() && well;
  if (options_.progress == ProgressMode::Auto) say_summary();
  return well ? kExitDone : kExitFailed;
}

bool Session::say_problems() {
  const bool delivered = say_undelivered();
  const bool taken = say_refused();
  const bool complete = say_ended_early();
  return delivered && taken && complete;
}

bool Session::say_undelivered() {
  const Ledger& ledger = outcome_.snapshot.ledger;
  const std::uint64_t told =
      ledger.delivered + ledger.dropped + ledger.failed + ledger.unknown + ledger.held;
  if (told != ledger.accepted) {
    console_.say("the ledger does not add up: " + format_count(ledger.accepted) +
                 " were accepted but " + format_count(told) +
                 " have a fate; please report this as a bug");
    return false;
  }
  if (ledger.delivered == ledger.accepted) return true;
  std::string sentence = format_count(ledger.accepted - ledger.delivered) + " of " +
                         format_count(ledger.accepted) +
                         " accepted records were not delivered: " + reasons_sentence(ledger);
  if (const int error = events_.kafka_error_first(); error != 0) {
    sentence += "; Kafka's first error code was " + std::to_string(error);
  }
  console_.say(sentence);
  return false;
}

bool Session::say_refused() {
  const Refusals& refused = outcome_.refusals;
  const std::uint64_t sum = refused.full + refused.busy + refused.too_large +
                            refused.would_deadlock + refused.closed + refused.unknown_topic +
                            refused.topic_pending;
  if (sum == 0) return true;
  std::string sentence =
      format_count(sum) + (sum == 1 ? " record was" : " records were") + " refused and not sent:";
  const auto add = [&sentence](std::uint64_t count, ErrorCode code) {
    if (count > 0) sentence += " " + format_count(count) + " " + std::string(name_of(code)) + ",";
  };
  add(refused.full, ErrorCode::Full);
  add(refused.busy, ErrorCode::Busy);
  add(refused.too_large, ErrorCode::TooLarge);
  add(refused.would_deadlock, ErrorCode::WouldDeadlock);
  add(refused.closed, ErrorCode::Closed);
  add(refused.unknown_topic, ErrorCode::UnknownTopic);
  add(refused.topic_pending, ErrorCode::TopicPending);
  sentence.back() = '.';
  console_.say(sentence);
  return false;
}

void Session::say_summary() {
  const Ledger& ledger = outcome_.snapshot.ledger;
  const MemoryUse& memory = outcome_.snapshot.memory;
  console_.say(format_count(ledger.accepted) + " accepted = " + format_count(ledger.delivered) +
               " delivered + " + format_count(ledger.dropped) + " dropped + " +
               format_count(ledger.failed) + " failed + " + format_count(ledger.unknown) +
               " unknown + " + format_count(ledger.held) + " held");
  const double rate =
      outcome_.use.seconds > 0 ? static_cast<double>(ledger.delivered) / outcome_.use.seconds : 0;
  console_.say(format_decimal(outcome_.use.seconds, 2) + " s, " +
               format_count(static_cast<std::uint64_t>(rate)) + " records/s; memory peak " +
               format_bytes(memory.used_peak) + " of a budget of " + format_bytes(memory.budget) +
               ", RSS peak " + format_bytes(outcome_.use.rss_peak));
}

}  // namespace spillway::cli
