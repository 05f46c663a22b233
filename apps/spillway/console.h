// The one owner of standard error: sentences, and below them a view that is redrawn in place.
#pragma once

#include <mutex>
#include <string>
#include <string_view>

namespace spillway::cli {

// Thread-safe. A reader of standard error who is slow or gone never stops the caller for more than
// kPatience: what cannot be written is lost.
class Console {
 public:
  static constexpr int kPatienceMs = 1000;

  // `command` begins every sentence: "spillway produce".
  explicit Console(std::string command);

  // A whole sentence, without its newline, above the view.
  void say(std::string_view sentence);
  // A line of the plain progress report: no prefix, and dropped at once if the reader is slow.
  void line(std::string_view text);
  // Replaces the view: lines, each ended by \n and narrower than the terminal.
  void show(std::string frame);
  // Leaves the last view standing; what follows goes below it.
  void end_view();

  // Standard error is a terminal that understands cursor movement.
  [[nodiscard]] bool is_terminal() const noexcept { return is_terminal_; }
  [[nodiscard]] const std::string& command() const noexcept { return command_; }

 private:
  const std::string command_;
  const bool is_terminal_;
  std::mutex mutex_;
  std::string frame_;  // guarded by mutex_
};

}  // namespace spillway::cli
