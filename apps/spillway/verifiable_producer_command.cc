#include "apps/spillway/verifiable_producer_command.h"

#include <signal.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <atomic>
#include <bit>
#include <limits>
#include <memory>
#include <thread>

#include "apps/spillway/configuration.h"
#include "apps/spillway/console.h"
#include "apps/spillway/pacer.h"
#include "apps/spillway/signals.h"
#include "apps/spillway/verifiable_lines.h"
#include "spillway/producer.h"

namespace spillway::cli {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kSlice{100};         // no call into the producer waits longer
constexpr milliseconds kFateGrace{30'000};  // after the delivery timeout waiting is pointless

struct VerifiableFlags {
  Options producer;
  VerifiableShape shape;
  std::int32_t max_messages = -1;
  std::int32_t throughput = -1;
  std::int32_t acks = -1;
  std::int64_t create_time = -1;
  Configuration configuration;
  bool retries_given = false;
};

std::int64_t now_ms() {
  return std::chrono::duration_cast<milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

class VerifiableRun;
VerifiableRun* current = nullptr;  // set before the producer opens, cleared after it has closed

class VerifiableRun {
 public:
  explicit VerifiableRun(const VerifiableFlags& flags)
      : flags_(flags), block_deadline_(flags.producer.block_deadline) {}

  int run();

 private:
  static void on_fate(void* context, const Delivery& delivery) noexcept;

  void send_all();
  void send(std::uint64_t number);
  [[nodiscard]] Result<void> try_send(std::uint64_t number, Clock::time_point end);
  [[nodiscard]] Result<void> find_topic(Clock::time_point end);
  [[nodiscard]] Refusal refusal_of_send(const Error& error) const;
  void wait_for_fates();
  void print_end(std::int64_t begin);

  const VerifiableFlags& flags_;
  const milliseconds block_deadline_;
  Console console_{"spillway verifiable-producer"};
  LineWriter lines_{STDOUT_FILENO};
  std::optional<Producer> producer_;
  std::optional<Topic> topic_;
  std::int64_t create_time_ = 0;
  const std::int64_t start_ms_ = now_ms();
  std::uint64_t sent_ = 0;
  std::atomic<std::uint64_t> acked_{0};  // I/O thread; relaxed, read after close
};

int VerifiableRun::run() {
  if (flags_.retries_given) {
    console_.say("retries are not counted: Spillway retries until delivery.timeout.ms has passed");
  }
  Options options = flags_.producer;
  options.block_deadline = std::min(options.block_deadline, kSlice);
  auto opened = Producer::open(options);
  if (!opened.ok()) {
    console_.say(opened.error().message());
    return kExitFailed;
  }
  producer_.emplace(std::move(opened).value());
  current = this;
  create_time_ = flags_.create_time;
  const std::int64_t begin = now_ms();
  lines_.write(event_line("startup_complete", begin));
  send_all();
  wait_for_fates();
  (void)producer_->close(milliseconds(0));
  current = nullptr;
  print_end(begin);
  return Signals::stop() ? 128 + Signals::first() : kExitDone;
}

// Java's throttle never lets a third record pass at a throughput of 0.
void VerifiableRun::send_all() {
  const std::uint64_t count = flags_.max_messages < 0
                                  ? std::numeric_limits<std::uint64_t>::max()
                                  : static_cast<std::uint64_t>(flags_.max_messages);
  Pacer pacer(std::max(flags_.throughput, 0));
  for (std::uint64_t i = 0; i < count && !Signals::stop(); ++i) {
    while (flags_.throughput == 0 && i == 2 && !Signals::stop()) {
      std::this_thread::sleep_for(kSlice);
    }
    pacer.wait([] { return Signals::stop(); });
    if (!Signals::stop()) send(i);
  }
}

void VerifiableRun::send(std::uint64_t number) {
  sent_ += 1;
  const auto sent = try_send(number, Clock::now() + block_deadline_);
  if (!sent.ok()) {
    lines_.write(error_line(flags_.shape, number, refusal_of_send(sent.error()), now_ms()));
  }
  if (create_time_ >= 0) create_time_ += now_ms() - start_ms_;  // grows ever faster, as in Java
}

Result<void> VerifiableRun::try_send(std::uint64_t number, Clock::time_point end) {
  if (auto found = find_topic(end); !found.ok()) return found;
  const auto key = flags_.shape.key(number);
  const std::string value = flags_.shape.value(number);
  Record record;
  if (key) record.key = *key;
  record.value = value;
  if (create_time_ >= 0) record.timestamp = Timestamp(milliseconds(create_time_));
  while (true) {
    auto sent = producer_->send(*topic_, record, {on_fate, std::bit_cast<void*>(number)});
    if (sent.ok()) return sent;
    const Action action = sent.error().action();
    const bool may_change = action == Action::Retry || action == Action::BackOff;
    if (!may_change || Clock::now() >= end || Signals::stop()) return sent;
    if (sent.code() == ErrorCode::Busy) std::this_thread::yield();
  }
}

// A topic that was made a moment ago is not known everywhere at once, so "unknown" is asked again.
Result<void> VerifiableRun::find_topic(Clock::time_point end) {
  while (!topic_) {
    const auto begin = Clock::now();
    auto found = producer_->topic(flags_.shape.topic, kSlice);
    if (found.ok()) {
      topic_ = found.value();
      break;
    }
    const ErrorCode code = found.code();
    const bool may_change = code == ErrorCode::TimedOut || code == ErrorCode::Unreachable ||
                            code == ErrorCode::UnknownTopic || code == ErrorCode::TopicPending;
    if (!may_change || Clock::now() >= end || Signals::stop()) return found.error();
    std::this_thread::sleep_until(std::min(begin + kSlice, end));
  }
  return {};
}

Refusal VerifiableRun::refusal_of_send(const Error& error) const {
  const std::string waited = std::to_string(block_deadline_.count()) + " ms.";
  switch (error.code()) {
    case ErrorCode::UnknownTopic:
    case ErrorCode::TopicPending:
    case ErrorCode::TimedOut:
    case ErrorCode::Unreachable:
      return {"class org.apache.kafka.common.errors.TimeoutException",
              "Topic " + flags_.shape.topic + " not present in metadata after " + waited};
    case ErrorCode::Full:
    case ErrorCode::Busy:
      return {"class org.apache.kafka.clients.producer.BufferExhaustedException",
              "no room in memory_max within " + waited};
    case ErrorCode::TooLarge:
      return {"class org.apache.kafka.common.errors.RecordTooLargeException", error.message()};
    case ErrorCode::InvalidArgument:
      return {"class org.apache.kafka.common.errors.InvalidTopicException", error.message()};
    default:
      return {"class org.apache.kafka.common.KafkaException", error.message()};
  }
}

void VerifiableRun::on_fate(void* context, const Delivery& delivery) noexcept {
  VerifiableRun& run = *current;
  const auto number = std::bit_cast<std::uint64_t>(context);
  const auto timeout = run.flags_.producer.delivery_timeout.count();
  if (delivery.fate == Fate::Delivered) {
    run.acked_.fetch_add(1, std::memory_order_relaxed);
    run.lines_.write(success_line(run.flags_.shape, number, delivery, now_ms()));
    return;
  }
  run.lines_.write(error_line(run.flags_.shape, number, refusal_of(delivery, timeout), now_ms()));
}

// As Java's close: until every record has met its fate, which the delivery timeout bounds. A second
// signal ends it.
void VerifiableRun::wait_for_fates() {
  const auto timeout = flags_.producer.delivery_timeout;
  const bool endless = timeout == milliseconds(0);
  const auto end = endless ? Clock::time_point::max() : Clock::now() + timeout + kFateGrace;
  while (!Signals::stop_now() && Clock::now() < end) {
    const auto flushed = producer_->flush(kSlice);
    if (flushed.ok() || flushed.code() != ErrorCode::TimedOut) return;
  }
}

void VerifiableRun::print_end(std::int64_t begin) {
  lines_.write(event_line("shutdown_complete", now_ms()));
  const std::int64_t end = now_ms();
  VerifiableSum sum{sent_, acked_.load(std::memory_order_relaxed), flags_.throughput, 0};
  sum.records_per_second = 1000 * static_cast<double>(sum.acked) /
                           static_cast<double>(std::max<std::int64_t>(1, end - begin));
  lines_.write(sum_line(sum, end));
}

// The file has the last word, over --acks and --bootstrap-server too: so it is in Java's tool.
void finish(const CLI::App& app, VerifiableFlags& flags) {
  if (app.count_all() <= 1) throw CLI::CallForHelp();
  if (app.count("--topic") == 0) throw CLI::RequiredError("--topic");
  if (app.count("--bootstrap-server") == 0) throw CLI::RequiredError("--bootstrap-server");
  if (flags.create_time < -1 || flags.create_time == 0) {
    throw CLI::ValidationError("--message-create-time",
                               "is 1 or more, or -1 for the time of sending");
  }
  flags.producer.acks = static_cast<Acks>(flags.acks);
  flags.producer.idempotence = flags.producer.acks == Acks::All;
  flags.retries_given = flags.configuration.tolerate_retries();
  const auto problem =
      flags.configuration.apply(flags.producer, [](std::string_view) { return false; });
  if (problem) throw CLI::ValidationError("configuration", *problem);
}

template <typename T>
void add_number(CLI::App& app, const std::string& name, T& value, const std::string& help) {
  app.add_option(name, value, help)->type_name("N");
}

void add_settings(CLI::App& app, VerifiableFlags& flags) {
  auto* file = app.add_option_function<std::string>(
      "--producer.config,--command-config",
      [&flags](const std::string& path) {
        if (auto problem = flags.configuration.add_file(path)) {
          throw CLI::ValidationError("--command-config", *problem);
        }
      },
      "settings by Kafka's names; they win over the other arguments");
  file->type_name("FILE");
  app.add_option_function<std::vector<std::string>>(
         "-X",
         [&flags](const std::vector<std::string>& texts) {
           for (const std::string& text : texts) {
             if (auto problem = flags.configuration.add_assignment(text)) {
               throw CLI::ValidationError("-X", *problem);
             }
           }
         },
         "one such setting, which wins over the file; may be repeated")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
}

}  // namespace

Command add_verifiable_producer_command(CLI::App& root) {
  auto flags = std::make_shared<VerifiableFlags>();
  CLI::App* app =
      root.add_subcommand("verifiable-producer",
                          "as Kafka's VerifiableProducer: numbers out, a JSON line for each fate");
  app->add_option("--topic", flags->shape.topic, "where the records go; needed")
      ->type_name("TOPIC");
  app->add_option("--bootstrap-server", flags->producer.bootstrap, "brokers to start from; needed")
      ->type_name("HOST:PORT[,HOST:PORT]");
  add_number(*app, "--max-messages", flags->max_messages, "how many; below 0: until a signal");
  add_number(*app, "--throughput", flags->throughput, "records a second; below 0: no limit");
  app->add_option("--acks", flags->acks, "who confirms: 0, 1 or -1")
      ->type_name("N")
      ->check(CLI::IsMember({0, 1, -1}));
  add_number(*app, "--message-create-time", flags->create_time,
             "timestamp of the first record, in milliseconds; -1: the time of sending");
  app->add_option("--value-prefix", flags->shape.value_prefix, "values are PREFIX.NUMBER")
      ->type_name("N");
  app->add_option("--repeating-keys", flags->shape.repeating_keys,
                  "keys go from 0 to below N and begin again")
      ->type_name("N");
  add_settings(*app, *flags);
  app->final_callback([app, flags] { finish(*app, *flags); });
  return {app, [flags] { return VerifiableRun(*flags).run(); }};
}

}  // namespace spillway::cli
