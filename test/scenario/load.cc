// Sends numbered records from several threads until SIGTERM and writes down the fate of each, so
// that a checker that shares nothing with the library can compare them with what the topic holds.
//
//   scenario_load BOOTSTRAP TOPIC FOLDER THREADS PARTITIONS RATE VALUE_SIZE MEMORY_MIB
//
// Caller c counts its accepted records 0, 1, 2 …; a refused one is offered again under the same
// number. key    c % 3 = 0: none · 1: "key-" and number % 101 · 2: none, but partition number %
// PARTITIONS value  "caller:number:crc32 of the padding:padding" FOLDER/fates.bin: a row for each
// callback, see Row. FOLDER/report.json: what the producer says, written at the end.

#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "spillway/producer.h"

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr int kNumberBits = 40;  // of the callback's context; the caller's index is above them
constexpr std::size_t kRowsBuffered = 1024;
constexpr auto kFlushPatience = 60s;  // longer than any outage that a scenario leaves behind

std::atomic<bool> stop_asked{false};

// As fates.bin holds it, little-endian:  number:8 offset:8 partition:4 kafka_error:2 fate:1
// caller:1
struct Row {
  std::uint64_t number;
  std::int64_t offset;
  std::int32_t partition;
  std::int16_t kafka_error;
  std::uint8_t fate;
  std::uint8_t caller;
};
static_assert(sizeof(Row) == 24, "the checker reads rows of 24 bytes");

// One thread calls it: with Block every callback runs on the I/O thread, which close() joins.
class FateFile {
 public:
  explicit FateFile(const std::string& path) : file_(std::fopen(path.c_str(), "wb")) {}
  ~FateFile() {
    flush();
    if (file_ != nullptr) std::fclose(file_);
  }
  FateFile(const FateFile&) = delete;
  FateFile& operator=(const FateFile&) = delete;

  [[nodiscard]] bool opened() const { return file_ != nullptr; }
  void add(const Row& row) noexcept {
    rows_[used_++] = row;
    if (used_ == rows_.size()) flush();
  }

 private:
  void flush() noexcept {
    if (file_ != nullptr && std::fwrite(rows_.data(), sizeof(Row), used_, file_) != used_)
      std::abort();
    used_ = 0;
  }
  std::FILE* const file_;
  std::array<Row, kRowsBuffered> rows_;
  std::size_t used_ = 0;
};

FateFile* fates = nullptr;  // a callback has one context word, and the record's number needs it

void on_fate(void* context, const spillway::Delivery& delivery) noexcept {
  const auto word = reinterpret_cast<std::uintptr_t>(context);
  fates->add({word & ((std::uint64_t{1} << kNumberBits) - 1), delivery.offset, delivery.partition,
              delivery.kafka_error, static_cast<std::uint8_t>(delivery.fate),
              static_cast<std::uint8_t>(word >> kNumberBits)});
}

std::uint32_t crc32(std::string_view text) {
  std::uint32_t crc = ~0U;
  for (const char c : text) {
    crc ^= static_cast<std::uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

struct Plan {
  std::string bootstrap, topic, folder;
  unsigned threads = 0;
  int partitions = 0;
  unsigned rate = 0;  // records a second, all callers together
  std::size_t value_size = 0;
  std::size_t memory_max = 0;
};

class Events : public spillway::Observer {
 public:
  void on_event(spillway::Severity, std::string_view sentence) noexcept override {
    std::printf("event %.*s\n", static_cast<int>(sentence.size()), sentence.data());
    std::fflush(stdout);
  }
};

class Caller {
 public:
  Caller(const Plan& plan, unsigned index) : plan_(plan), index_(index) {}

  void run(spillway::Producer& producer, spillway::Topic topic) {
    const std::chrono::nanoseconds gap = std::chrono::nanoseconds(1s) * plan_.threads / plan_.rate;
    auto due = Clock::now();
    while (!stop_asked.load(std::memory_order_relaxed)) {
      offer(producer, topic);
      due = std::max(due + gap, Clock::now() - 100ms);  // after an outage: no burst of minutes
      if (due > Clock::now() + 1ms) std::this_thread::sleep_until(due);
    }
  }

  [[nodiscard]] std::uint64_t accepted() const { return number_; }
  std::uint64_t refused = 0;
  std::string trouble;  // the first refusal that is neither Full nor Busy

 private:
  void offer(spillway::Producer& producer, spillway::Topic topic) {
    build();
    spillway::Record record;
    record.value = value_;
    if (index_ % 3 == 1) record.key = key_;
    if (index_ % 3 == 2)
      record.partition =
          static_cast<std::int32_t>(number_ % static_cast<unsigned>(plan_.partitions));
    const auto context = (std::uint64_t{index_} << kNumberBits) | number_;
    const auto sent = producer.send(topic, record, {on_fate, reinterpret_cast<void*>(context)});
    if (sent.ok()) {
      ++number_;
      return;
    }
    ++refused;
    if (sent.error().action() == spillway::Action::Fix ||
        sent.error().action() == spillway::Action::Fatal) {
      trouble = sent.error().message();
      stop_asked = true;
    }
  }

  void build() {
    key_ = "key-" + std::to_string(number_ % 101);
    const std::size_t padding = 1 + (number_ * 2654435761U) % plan_.value_size;
    padding_.assign(padding, static_cast<char>('a' + number_ % 26));
    value_ = std::to_string(index_) + ":" + std::to_string(number_) + ":" +
             std::to_string(crc32(padding_)) + ":" + padding_;
  }

  const Plan& plan_;
  const unsigned index_;
  std::uint64_t number_ = 0;
  std::string key_, padding_, value_;
};

std::uint64_t status_bytes(const char* field) {
  std::ifstream status("/proc/self/status");
  std::string name;
  while (status >> name) {
    std::uint64_t kibibytes = 0;
    if (name == field && status >> kibibytes) return kibibytes * 1024;
    std::getline(status, name);
  }
  return 0;
}

void say_progress(const spillway::Producer& producer) {
  const auto now = producer.snapshot();
  std::printf("progress accepted %llu delivered %llu held %llu used %zu rss %llu level %d\n",
              static_cast<unsigned long long>(now.ledger.accepted),
              static_cast<unsigned long long>(now.ledger.delivered),
              static_cast<unsigned long long>(now.ledger.held), now.memory.used,
              static_cast<unsigned long long>(status_bytes("VmRSS:")), static_cast<int>(now.level));
  std::fflush(stdout);
}

void write_report(const Plan& plan, const spillway::Snapshot& end,
                  const std::vector<Caller>& callers, bool clean) {
  const std::string path = plan.folder + "/report.json";
  std::ofstream out(path + ".part");
  const auto& ledger = end.ledger;
  out << "{\"accepted\": " << ledger.accepted << ", \"delivered\": " << ledger.delivered
      << ", \"dropped\": " << ledger.dropped << ", \"failed\": " << ledger.failed
      << ", \"unknown\": " << ledger.unknown << ", \"held\": " << ledger.held
      << ", \"clean\": " << (clean ? "true" : "false") << ", \"memory_max\": " << end.memory.budget
      << ", \"memory_peak\": " << end.memory.used_peak
      << ", \"rss_peak\": " << status_bytes("VmHWM:")
      << ", \"batches_retried\": " << end.batches_retried
      << ", \"epoch_bumps\": " << end.epoch_bumps << ", \"callers\": [";
  std::string comma;
  std::uint64_t refused = 0;
  std::string trouble;
  for (const Caller& caller : callers) {
    out << comma << caller.accepted();
    comma = ", ";
    refused += caller.refused;
    if (!caller.trouble.empty()) trouble = caller.trouble;
  }
  out << "], \"refused\": " << refused << ", \"trouble\": \"" << trouble << "\"}\n";
  out.close();
  if (!out || std::rename((path + ".part").c_str(), path.c_str()) != 0) std::abort();
}

int complain(const std::string& sentence) {
  std::fprintf(stderr, "scenario_load: %s\n", sentence.c_str());
  return 1;
}

int run(const Plan& plan) {
  FateFile file(plan.folder + "/fates.bin");
  if (!file.opened()) return complain("cannot write " + plan.folder + "/fates.bin");
  fates = &file;
  Events events;
  spillway::Options options;
  options.bootstrap = plan.bootstrap;
  options.memory_max = plan.memory_max;
  options.block_deadline = 200ms;      // a caller sees SIGTERM within this time
  options.metadata_age_max = 2'000ms;  // added partitions are found while the test still runs
  options.request_timeout = 8'000ms;   // a frozen leader is left before it thaws
  options.observer = &events;
  auto opened = spillway::Producer::open(options);
  if (!opened.ok()) return complain(opened.error().message());
  auto& producer = opened.value();
  auto topic = producer.topic(plan.topic);
  if (!topic.ok()) return complain(topic.error().message());

  std::vector<Caller> callers;
  for (unsigned i = 0; i < plan.threads; ++i) callers.emplace_back(plan, i);
  std::vector<std::thread> threads;
  for (auto& caller : callers) threads.emplace_back([&] { caller.run(producer, *topic); });
  while (!stop_asked) {
    say_progress(producer);
    std::this_thread::sleep_for(500ms);
  }
  for (auto& thread : threads) thread.join();
  const bool flushed = producer.flush(kFlushPatience).ok();
  const auto closed = producer.close(1s);
  const bool clean = flushed && closed.ok();
  say_progress(producer);
  write_report(plan, producer.snapshot(), callers, clean);
  return 0;
}

}  // namespace

int main(int count, char** words) {
  if (count != 9) return complain("eight arguments, see load.cc");
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that was killed leaves no load behind
  std::signal(SIGTERM, [](int) { stop_asked.store(true, std::memory_order_relaxed); });
  Plan plan;
  plan.bootstrap = words[1];
  plan.topic = words[2];
  plan.folder = words[3];
  plan.threads = static_cast<unsigned>(std::atoi(words[4]));
  plan.partitions = std::atoi(words[5]);
  plan.rate = static_cast<unsigned>(std::atoi(words[6]));
  plan.value_size = static_cast<std::size_t>(std::atoi(words[7]));
  plan.memory_max = static_cast<std::size_t>(std::atoi(words[8])) << 20;
  return run(plan);
}
