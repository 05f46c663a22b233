// Lines of a file or pipe, one at a time, in memory that does not depend on how long a line is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace spillway::cli {

// A line ends at \n, which is not part of it; every other byte is data, NUL and \r included. Bytes
// after the last \n are a line too. A line longer than line_bytes_max is skipped without being held
// and told as TooLarge with its size. Holds line_bytes_max + kBlockBytes. Used by one thread.
class LineReader {
 public:
  enum class Kind : std::uint8_t { Line, TooLarge, End, Stopped, Failed };

  struct Item {
    Kind kind;
    std::string_view line;   // Line: valid until the next call of next()
    std::uint64_t size = 0;  // Line and TooLarge: bytes without the \n
    int system_error = 0;    // Failed: errno of read
  };

  static constexpr std::size_t kBlockBytes = 128 * 1024;

  // `fd` stays the caller's. When `stop_fd` (or -1) is readable, a wait for input ends as Stopped.
  LineReader(int fd, int stop_fd, std::size_t line_bytes_max);

  // Blocks until a line is complete, the input ends, or stop_fd is readable.
  Item next();

  // Lines told so far, too large ones included, and the bytes they took with their \n.
  [[nodiscard]] std::uint64_t lines() const noexcept { return lines_; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  enum class Fill : std::uint8_t { Data, End, Stopped, Failed };

  [[nodiscard]] std::size_t held() const noexcept { return end_ - begin_; }
  Item take_line(std::size_t newline);
  Item take_rest();
  Item tell(std::string_view line, std::uint64_t size, std::size_t terminator);
  void discard_held() noexcept;
  Fill fill();
  Fill wait();

  const int fd_;
  const int stop_fd_;
  const std::size_t line_bytes_max_;
  const std::size_t capacity_;
  const std::unique_ptr<char[]> buffer_;  // [begin_, end_) is held; [begin_, scanned_) has no \n
  std::size_t begin_ = 0;
  std::size_t scanned_ = 0;
  std::size_t end_ = 0;
  std::uint64_t skipped_ = 0;  // bytes of the current line that were too many to hold
  std::uint64_t lines_ = 0;
  std::uint64_t bytes_ = 0;
  int system_error_ = 0;
};

}  // namespace spillway::cli
