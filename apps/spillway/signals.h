// SIGINT and SIGTERM as a count: 1 = stop reading, flush, report; 2 = close at once.
#pragma once

namespace spillway::cli {

// While it lives, SIGINT and SIGTERM are counted and SIGPIPE is ignored, so that a reader who
// leaves ends our words but not the delivery. One per process.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // Any thread.
  [[nodiscard]] static int count() noexcept;
  [[nodiscard]] static bool stop() noexcept { return count() > 0; }
  [[nodiscard]] static bool stop_now() noexcept { return count() > 1; }
  // The first one's number; 0 before it.
  [[nodiscard]] static int first() noexcept;
  // Readable from the first signal on: for poll. -1 if the system had no descriptor left.
  [[nodiscard]] static int fd() noexcept;
};

}  // namespace spillway::cli
