#include "apps/spillway/console.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

namespace spillway::cli {
namespace {

constexpr std::size_t kPieceBytes = 2048;  // below PIPE_BUF: a pipe that polls writable takes it

void write_out(std::string_view text, int patience_ms) {
  while (!text.empty()) {
    pollfd file{STDERR_FILENO, POLLOUT, 0};
    const int ready = ::poll(&file, 1, patience_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return;
    const auto piece = text.substr(0, kPieceBytes);
    const ssize_t put = ::write(STDERR_FILENO, piece.data(), piece.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(put));
  }
}

bool understands_cursor_movement() {
  const char* term = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && term != nullptr && std::string_view(term) != "dumb";
}

// Back to the first line of the frame, everything below erased.
std::string erase_of(std::string_view frame) {
  const auto lines = std::count(frame.begin(), frame.end(), '\n');
  if (lines == 0) return {};
  return "\r\x1b[" + std::to_string(lines) + "A\x1b[J";
}

}  // namespace

Console::Console(std::string command)
    : command_(std::move(command)), is_terminal_(understands_cursor_movement()) {}

void Console::say(std::string_view sentence) {
  const std::lock_guard lock(mutex_);
  std::string text = erase_of(frame_);
  text.append(command_).append(": ").append(sentence).append("\n").append(frame_);
  write_out(text, kPatienceMs);
}

void Console::line(std::string_view text) {
  const std::lock_guard lock(mutex_);
  write_out(std::string(text) + "\n", 0);
}

void Console::show(std::string frame) {
  const std::lock_guard lock(mutex_);
  write_out(erase_of(frame_) + frame, 0);
  frame_ = std::move(frame);
}

void Console::end_view() {
  const std::lock_guard lock(mutex_);
  frame_.clear();
}

}  // namespace spillway::cli
