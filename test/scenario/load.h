// What both loads share, so that they differ in the producer alone: records with numbers, their
// pace, the row of each fate and the signals of the test.
//
//   LOAD BOOTSTRAP TOPIC FOLDER THREADS PARTITIONS RATE VALUE_SIZE MEMORY_MIB BATCH_BYTES
//
// Caller c counts its accepted records 0, 1, 2 …; a refused one is offered again under the same
// number.
//   key    c % 3 = 0: none · 1: "key-" and number % 101 · 2: none, but partition
//          number % PARTITIONS
//   value  "caller:number:crc32 of the padding:padding"
// SIGTERM ends the load, SIGUSR1 makes the callers pause, SIGUSR2 makes them go on.
// FOLDER/fates.bin: a row for each callback, see Row. FOLDER/report.json: what the producer says,
// written at the end. Standard output: "progress …" twice a second, and "event …".
#pragma once

#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace scenario {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

inline constexpr int kNumberBits = 40;  // of a record's tag; the caller's index is above them
inline constexpr std::size_t kRowsBuffered = 1024;
inline constexpr auto kFlushPatience = 60s;  // longer than any outage that a scenario leaves behind
inline constexpr auto kBlocked = 200ms;      // a caller sees a signal within this time

inline std::atomic<bool> stop_asked{false};
inline std::atomic<bool> idle_asked{false};

enum Fate : std::uint8_t { kDelivered, kDropped, kFailed, kUnknown };

// As fates.bin holds it, little-endian:
//   number:8 offset:8 partition:4 kafka_error:2 fate:1 caller:1 when:8
struct Row {
  std::uint64_t number;
  std::int64_t offset;  // -1: the broker did not tell
  std::int32_t partition;
  std::int16_t kafka_error;
  std::uint8_t fate;
  std::uint8_t caller;
  std::int64_t when;  // ms of CLOCK_MONOTONIC, which the test reads too
};
static_assert(sizeof(Row) == 32, "the checker reads rows of 32 bytes");

inline std::uint64_t tag_of(unsigned caller, std::uint64_t number) {
  return (std::uint64_t{caller} << kNumberBits) | number;
}

// One thread calls add; count may be read by any.
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
  [[nodiscard]] std::uint64_t count(Fate fate) const { return counts_.at(fate); }
  void add(std::uint64_t tag, std::int64_t offset, std::int32_t partition, std::int16_t error,
           std::uint8_t fate) noexcept {
    const auto now = Clock::now().time_since_epoch();
    rows_[used_++] = {tag & ((std::uint64_t{1} << kNumberBits) - 1),
                      offset,
                      partition,
                      error,
                      fate,
                      static_cast<std::uint8_t>(tag >> kNumberBits),
                      std::chrono::duration_cast<std::chrono::milliseconds>(now).count()};
    counts_.at(fate).fetch_add(1, std::memory_order_relaxed);
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
  std::array<std::atomic<std::uint64_t>, 4> counts_{};
  std::size_t used_ = 0;
};

inline std::uint32_t crc32(std::string_view text) {
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
  std::size_t batch_bytes_max = 0;
};

// A record before it is offered. `partition` is -1 if the producer chooses.
struct Numbered {
  std::uint64_t tag = 0;
  std::int32_t partition = -1;
  std::string key, value;  // an empty key means none
};

enum class Offer : std::uint8_t {
  Accepted,
  Refused,  // no room: offered again
  NoTopic,  // the cluster does not know the topic: offered again, and counted apart
};

class Caller {
 public:
  Caller(const Plan& plan, unsigned index) : plan_(plan), index_(index) {}

  void run(const std::function<Offer(const Numbered&)>& offer) {
    const std::chrono::nanoseconds gap = std::chrono::nanoseconds(1s) * plan_.threads / plan_.rate;
    auto due = Clock::now();
    while (!stop_asked.load(std::memory_order_relaxed)) {
      if (!idle_asked.load(std::memory_order_relaxed)) count(offer(build()));
      due = std::max(due + gap, Clock::now() - 100ms);  // after an outage: no burst of minutes
      if (due > Clock::now() + 1ms) std::this_thread::sleep_until(due);
    }
  }

  [[nodiscard]] std::uint64_t accepted() const { return number_; }
  std::uint64_t refused = 0;
  std::uint64_t topicless = 0;

 private:
  void count(Offer offer) {
    number_.fetch_add(offer == Offer::Accepted ? 1 : 0, std::memory_order_relaxed);
    refused += offer == Offer::Refused ? 1 : 0;
    topicless += offer == Offer::NoTopic ? 1 : 0;
  }

  const Numbered& build() {
    const std::uint64_t number = number_;
    record_.tag = tag_of(index_, number);
    if (index_ % 3 == 1) record_.key = "key-" + std::to_string(number % 101);
    if (index_ % 3 == 2)
      record_.partition =
          static_cast<std::int32_t>(number % static_cast<unsigned>(plan_.partitions));
    padding_.assign(1 + (number * 2654435761U) % plan_.value_size,
                    static_cast<char>('a' + number % 26));
    record_.value = std::to_string(index_) + ":" + std::to_string(number) + ":" +
                    std::to_string(crc32(padding_)) + ":" + padding_;
    return record_;
  }

  const Plan& plan_;
  const unsigned index_;
  std::atomic<std::uint64_t> number_{
      0};  // written by the caller's thread, read by the one that tells
  Numbered record_;
  std::string padding_;
};

inline std::uint64_t status_bytes(const char* field) {
  std::ifstream status("/proc/self/status");
  std::string name;
  while (status >> name) {
    std::uint64_t kibibytes = 0;
    if (name == field && status >> kibibytes) return kibibytes * 1024;
    std::getline(status, name);
  }
  return 0;
}

struct Progress {
  std::uint64_t accepted = 0, delivered = 0, held = 0, used = 0;
  int level = 0;
};

inline void say_progress(const Progress& now) {
  const auto wide = [](std::uint64_t number) { return static_cast<unsigned long long>(number); };
  std::printf("progress accepted %llu delivered %llu held %llu used %llu rss %llu level %d\n",
              wide(now.accepted), wide(now.delivered), wide(now.held), wide(now.used),
              wide(status_bytes("VmRSS:")), now.level);
  std::fflush(stdout);
}

// Of all threads, in user mode and in the kernel.
inline double cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

// `fields` is what the producer says, as the inside of a JSON object.
inline void write_report(const Plan& plan, const std::string& fields,
                         const std::deque<Caller>& callers, const std::string& trouble) {
  const std::string path = plan.folder + "/report.json";
  std::ofstream out(path + ".part");
  out << "{" << fields << ", \"rss_peak\": " << status_bytes("VmHWM:")
      << ", \"cpu_seconds\": " << cpu_seconds() << ", \"callers\": [";
  std::string comma;
  std::uint64_t refused = 0;
  std::uint64_t topicless = 0;
  for (const Caller& caller : callers) {
    out << comma << caller.accepted();
    comma = ", ";
    refused += caller.refused;
    topicless += caller.topicless;
  }
  out << "], \"refused\": " << refused << ", \"topicless\": " << topicless << ", \"trouble\": \""
      << trouble << "\"}\n";
  out.close();
  if (!out || std::rename((path + ".part").c_str(), path.c_str()) != 0) std::abort();
}

// Runs all callers until the test asks for the end. `tell` is called twice a second.
inline void run_callers(std::deque<Caller>& callers,
                        const std::function<Offer(const Numbered&)>& offer,
                        const std::function<void()>& tell) {
  std::vector<std::thread> threads;
  threads.reserve(callers.size());
  for (auto& caller : callers) threads.emplace_back([&] { caller.run(offer); });
  while (!stop_asked) {
    tell();
    std::this_thread::sleep_for(500ms);
  }
  for (auto& thread : threads) thread.join();
}

inline int complain(const std::string& sentence) {
  std::fprintf(stderr, "scenario load: %s\n", sentence.c_str());
  return 1;
}

// main() of a load: arguments, signals, and an end together with the test.
inline int start(int count, char** words, int (*run)(const Plan&)) {
  if (count != 10) return complain("nine arguments, see load.h");
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that was killed leaves no load behind
  std::signal(SIGTERM, [](int) { stop_asked.store(true, std::memory_order_relaxed); });
  std::signal(SIGUSR1, [](int) { idle_asked.store(true, std::memory_order_relaxed); });
  std::signal(SIGUSR2, [](int) { idle_asked.store(false, std::memory_order_relaxed); });
  Plan plan;
  plan.bootstrap = words[1];
  plan.topic = words[2];
  plan.folder = words[3];
  plan.threads = static_cast<unsigned>(std::atoi(words[4]));
  plan.partitions = std::atoi(words[5]);
  plan.rate = static_cast<unsigned>(std::atoi(words[6]));
  plan.value_size = static_cast<std::size_t>(std::atoi(words[7]));
  plan.memory_max = static_cast<std::size_t>(std::atoi(words[8])) << 20;
  plan.batch_bytes_max = static_cast<std::size_t>(std::atoi(words[9]));
  return run(plan);
}

}  // namespace scenario
