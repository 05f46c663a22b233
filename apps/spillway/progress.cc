#include "apps/spillway/progress.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "apps/spillway/console.h"
#include "apps/spillway/event_log.h"
#include "apps/spillway/units.h"

namespace spillway::cli {
namespace {

constexpr std::chrono::milliseconds kFrameInterval{200};
constexpr std::chrono::milliseconds kLineInterval{1000};
constexpr std::size_t kBarWidth = 24;
constexpr std::size_t kNoteColumns = 66;

std::string_view word_of(Level level) {
  switch (level) {
    case Level::Calm:
      return "calm";
    case Level::Low:
      return "low";
    case Level::Mid:
      return "mid";
    case Level::High:
      return "high";
  }
  return "?";
}

std::string padded(std::string_view text, std::size_t width) {
  std::string result(text);
  result.resize(std::max(width, text.size()), ' ');
  return result;
}

std::string bar(double fraction, bool unicode) {
  const double clamped = std::clamp(fraction, 0.0, 1.0);
  const auto full = static_cast<std::size_t>(std::lround(clamped * kBarWidth));
  std::string text;
  for (std::size_t i = 0; i < kBarWidth; ++i) {
    if (unicode) text += i < full ? "█" : "░";
    if (!unicode) text += i < full ? '#' : '.';
  }
  return text;
}

double share(std::size_t part, std::size_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::string per_second(std::uint64_t before, std::uint64_t now, double seconds) {
  if (seconds <= 0 || now < before) return "0";
  return format_count(
      static_cast<std::uint64_t>(std::llround(static_cast<double>(now - before) / seconds)));
}

std::string fates(const Ledger& ledger) {
  return "delivered " + format_count(ledger.delivered) + "  dropped " +
         format_count(ledger.dropped) + "  failed " + format_count(ledger.failed) + "  unknown " +
         format_count(ledger.unknown) + "  held " + format_count(ledger.held);
}

// A frame whose bars a terminal cannot draw is worse than one of number signs.
bool locale_is_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string_view locale(value);
    return locale.find("UTF-8") != locale.npos || locale.find("utf8") != locale.npos;
  }
  return false;
}

}  // namespace

std::string plain_line(const Sample& before, const Sample& now, std::string_view note) {
  const double seconds = now.seconds - before.seconds;
  const Ledger& ledger = now.snapshot.ledger;
  const MemoryUse& memory = now.snapshot.memory;
  std::string line =
      format_decimal(now.seconds, 1) + " s  in " +
      per_second(before.snapshot.ledger.accepted, ledger.accepted, seconds) + "/s  out " +
      per_second(before.snapshot.ledger.delivered, ledger.delivered, seconds) + "/s  level " +
      std::string(word_of(now.snapshot.level)) + "  memory " + format_bytes(memory.used) + " of " +
      format_bytes(memory.budget) + "  " + fates(ledger);
  if (!note.empty()) line.append("  | ").append(note);
  return line;
}

std::string frame_of(const Sample& before, const Sample& now, std::string_view note, bool unicode) {
  const double seconds = now.seconds - before.seconds;
  const Ledger& ledger = now.snapshot.ledger;
  const MemoryUse& memory = now.snapshot.memory;
  const auto level = static_cast<double>(now.snapshot.level) / static_cast<double>(Level::High);
  std::string text;
  text +=
      "  rate     in " +
      padded(per_second(before.snapshot.ledger.accepted, ledger.accepted, seconds) + "/s", 14) +
      " out " +
      padded(per_second(before.snapshot.ledger.delivered, ledger.delivered, seconds) + "/s", 14) +
      format_decimal(now.seconds, 1) + " s\n";
  text +=
      "  level    " + bar(level, unicode) + "  " + std::string(word_of(now.snapshot.level)) + "\n";
  text += "  memory   " + bar(share(memory.used, memory.budget), unicode) + "  " +
          format_bytes(memory.used) + " of " + format_bytes(memory.budget) + ", peak " +
          format_bytes(memory.used_peak) + "\n";
  text += "  fate     delivered " + padded(format_count(ledger.delivered), 15) + " dropped " +
          padded(format_count(ledger.dropped), 13) + " held " + format_count(ledger.held) + "\n";
  text += "           failed    " + padded(format_count(ledger.failed), 15) + " unknown " +
          format_count(ledger.unknown) + "\n";
  text += "  brokers  " + std::to_string(now.snapshot.brokers_connected) + " connected, " +
          std::to_string(now.snapshot.requests_in_flight) + " requests in flight\n";
  if (!note.empty()) text.append("  ").append(note.substr(0, kNoteColumns)).append("\n");
  return text;
}

Progress::Progress(Source source, EventLog& events, Console& console, ProgressMode mode)
    : source_(std::move(source)),
      events_(events),
      console_(console),
      live_(console.is_terminal()),
      before_(sample()) {
  if (mode == ProgressMode::Auto) thread_ = std::thread([this] { run(); });
}

void Progress::note(std::string text) {
  const std::lock_guard lock(mutex_);
  note_ = std::move(text);
}

void Progress::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stopped_.notify_all();
  thread_.join();
  tell_events();
  if (live_) show();
  console_.end_view();
}

void Progress::run() {
  while (!wait_for_stop()) {
    tell_events();
    show();
  }
}

void Progress::show() {
  const Sample now = sample();
  if (live_) {
    console_.show(frame_of(before_, now, current_note(), locale_is_utf8()));
  } else {
    console_.line(plain_line(before_, now, current_note()));
  }
  const double span = std::chrono::duration<double>(kLineInterval).count();
  if (now.seconds - before_.seconds >= span * 0.9) before_ = now;
}

void Progress::tell_events() {
  const auto taken = events_.take();
  for (const std::string& sentence : taken.sentences) console_.say(sentence);
  if (taken.lost > 0) console_.say("(" + format_count(taken.lost) + " more such events)");
}

bool Progress::wait_for_stop() {
  std::unique_lock lock(mutex_);
  return stopped_.wait_for(lock, live_ ? kFrameInterval : kLineInterval, [this] { return stop_; });
}

Sample Progress::sample() const {
  const auto passed = std::chrono::steady_clock::now() - start_;
  return {std::chrono::duration<double>(passed).count(), source_()};
}

std::string Progress::current_note() {
  const std::lock_guard lock(mutex_);
  return note_;
}

}  // namespace spillway::cli
