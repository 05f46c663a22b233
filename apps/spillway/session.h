// One run of a command that produces: open, send, finish, and the words and the ledger around it.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "apps/spillway/event_log.h"
#include "apps/spillway/ledger_file.h"
#include "apps/spillway/progress.h"
#include "spillway/producer.h"

namespace spillway::cli {

class Console;

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

struct SessionOptions {
  Options producer;  // the observer is the session's own
  std::string topic;
  std::string ledger_path;  // empty: no ledger is written
  ProgressMode progress = ProgressMode::Auto;
};

// What the run as a whole came to, known after settle().
struct Outcome {
  Snapshot snapshot;
  Refusals refusals;
  RunUse use;
};

// open(), then send() from any number of threads, then settle() and report() by one thread.
class Session {
 public:
  // How long an address may take to show that it is Kafka and knows the topic.
  static constexpr std::chrono::seconds kTopicPatience{15};
  // After the first signal: below the 10 s that container runtimes grant.
  static constexpr std::chrono::seconds kStopPatience{8};

  Session(Console& console, SessionOptions options);
  ~Session();

  // Checks the place of the ledger, opens the producer, finds the topic. Not kExitDone: the reason
  // has been said, and this is the exit code.
  int open();

  // As Producer::send, but a wait ends when a signal asks to stop; then the answer is Closed.
  // Refusals that are final are counted.
  Result<void> send(const Record& record, Completion completion = {}) {
    auto sent = producer_->send(topic_, record, completion);
    if (sent.ok()) [[likely]]
      return sent;
    return send_patiently(record, completion, std::move(sent));
  }

  // For what was refused without asking the producer. Any thread.
  void count_refusal(ErrorCode code) noexcept;

  // Waits until every accepted record has met its fate, at most kStopPatience after a first signal
  // and not at all after a second one; then closes.
  const Outcome& settle();

  // Writes the ledger, says how it ended, returns the exit code: kExitDone only if every accepted
  // record was delivered and nothing was refused. `latencies` go into the ledger.
  int report(const Latencies& latencies = {});

  // Whether the next record has a chance after this answer. With Block it has not: the deadline was
  // waited out, and what follows is better kept where it is.
  [[nodiscard]] bool goes_on_after(const Error& error) const noexcept;
  // The run stopped sending before its end because of this: report() says so and exits with
  // failure. Only the first counts. Any thread.
  void end_early(const Error& error);
  // Parts of report(), for a command that judges by other rules.
  std::optional<std::string> write_ledger(const Latencies& latencies);
  void say_summary();
  [[nodiscard]] bool say_ended_early();
  // A word for the live view.
  void note(std::string text);
  [[nodiscard]] Producer& producer() noexcept { return *producer_; }
  [[nodiscard]] const Outcome& outcome() const noexcept { return outcome_; }

 private:
  using Clock = std::chrono::steady_clock;

  int fail_to_open(const Error& error);
  int find_topic();
  Result<void> send_patiently(const Record& record, Completion completion, Result<void> sent);
  [[nodiscard]] Refusals refusals() const noexcept;
  void wait_for_fates();
  [[nodiscard]] Clock::time_point patience_end() const;
  [[nodiscard]] bool say_problems();
  [[nodiscard]] bool say_undelivered();
  [[nodiscard]] bool say_refused();

  Console& console_;
  SessionOptions options_;
  const std::chrono::milliseconds block_deadline_;
  EventLog events_;
  std::optional<Producer> producer_;
  Topic topic_;
  std::unique_ptr<Progress> progress_;
  std::array<std::atomic<std::uint64_t>, 17> refused_{};  // by ErrorCode; relaxed: only counted
  std::mutex mutex_;
  std::optional<Error> end_cause_;  // guarded by mutex_ while sending
  Clock::time_point start_;
  double cpu_seconds_at_start_ = 0;
  Outcome outcome_;
};

}  // namespace spillway::cli
