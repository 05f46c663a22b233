// The live view: rate, water level, memory against the budget, the fate of the records.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "spillway/snapshot.h"

namespace spillway::cli {

class Console;
class EventLog;

enum class ProgressMode : std::uint8_t { Auto, Off };

struct Sample {
  double seconds = 0;  // since the start
  Snapshot snapshot;
};

// What is said where no terminal is: one line, no control characters.
std::string plain_line(const Sample& before, const Sample& now, std::string_view note);
// What is drawn on a terminal: lines of at most 78 columns. `unicode`: bars of block characters.
std::string frame_of(const Sample& before, const Sample& now, std::string_view note, bool unicode);

// Samples on a thread of its own and shows: a frame five times a second on a terminal, a line a
// second elsewhere, nothing with Off. Warnings of `events` appear as sentences. The thread ends,
// and the last state is shown, with stop() or the destructor.
class Progress {
 public:
  using Source = std::function<Snapshot()>;  // called on the thread; must be thread-safe

  Progress(Source source, EventLog& events, Console& console, ProgressMode mode);
  ~Progress() { stop(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // A word about what is going on, shown with the next sample. Any thread.
  void note(std::string text);
  void stop();

 private:
  void run();
  void show();
  void tell_events();
  bool wait_for_stop();
  [[nodiscard]] Sample sample() const;
  [[nodiscard]] std::string current_note();

  const Source source_;
  EventLog& events_;
  Console& console_;
  const bool live_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  Sample before_;  // the progress thread's, and stop()'s after the join
  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stop_ = false;  // guarded by mutex_, as note_
  std::string note_;
  std::thread thread_;  // last: everything it uses is there before it starts
};

}  // namespace spillway::cli
