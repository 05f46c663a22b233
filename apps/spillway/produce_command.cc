#include "apps/spillway/produce_command.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "apps/spillway/config_command.h"
#include "apps/spillway/console.h"
#include "apps/spillway/line_reader.h"
#include "apps/spillway/pacer.h"
#include "apps/spillway/signals.h"
#include "apps/spillway/standard_files.h"
#include "apps/spillway/units.h"

namespace spillway::cli {
namespace {

struct ProduceFlags {
  SessionOptions session;
  std::string input;          // empty: standard input
  std::string key_separator;  // empty: no keys
  std::uint64_t rate = 0;     // records a second; 0: no limit
};

// Closes what it opened; standard input stays.
class Input {
 public:
  explicit Input(const std::string& path)
      : fd_(path.empty() ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~Input() {
    if (fd_ > STDERR_FILENO) ::close(fd_);
  }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  [[nodiscard]] int fd() const noexcept { return fd_; }

 private:
  const int fd_;
};

class ProduceRun {
 public:
  explicit ProduceRun(const ProduceFlags& flags)
      : flags_(flags), session_(console_, flags.session) {}

  int run();

 private:
  static constexpr std::uint64_t kRefusalsTold = 5;  // each with its line; the rest as a count

  void read_all(int fd);
  bool take(const LineReader::Item& item);
  bool send(const LineReader::Item& item);
  [[nodiscard]] Record record_of(std::string_view line) const;
  void refuse(std::uint64_t size, ErrorCode code);
  void say_where_it_stopped();

  const ProduceFlags& flags_;
  Console console_{"spillway produce"};
  Session session_;
  std::uint64_t lines_done_ = 0;  // accepted or refused
  std::uint64_t bytes_done_ = 0;  // of the input, their newlines included
  std::uint64_t lines_refused_ = 0;
  bool ended_early_ = false;  // neither the end of the input nor a signal
};

int ProduceRun::run() {
  const Input input(flags_.input);
  if (flags_.input.empty() && standard_input_was_closed()) {
    console_.say("standard input is closed: pipe lines into it or name a file with --input");
    return kExitUsage;
  }
  if (input.fd() < 0) {
    console_.say("cannot read " + flags_.input + ": " + std::strerror(errno) +
                 "; name a readable file with --input");
    return kExitUsage;
  }
  if (const int code = session_.open(); code != kExitDone) return code;
  read_all(input.fd());
  session_.settle();
  const int code = session_.report();
  return ended_early_ ? kExitFailed : code;
}

void ProduceRun::read_all(int fd) {
  LineReader reader(fd, Signals::fd(), flags_.session.producer.record_bytes_max);
  Pacer pacer(static_cast<double>(flags_.rate));
  while (!Signals::stop()) {
    pacer.wait([] { return Signals::stop(); });
    const auto item = reader.next();
    if (item.kind == LineReader::Kind::End) return;
    if (!take(item)) break;
    lines_done_ = reader.lines();
    bytes_done_ = reader.bytes();
  }
  say_where_it_stopped();
}

// False: nothing more is to be read.
bool ProduceRun::take(const LineReader::Item& item) {
  switch (item.kind) {
    case LineReader::Kind::Line:
      return send(item);
    case LineReader::Kind::TooLarge:
      session_.count_refusal(ErrorCode::TooLarge);
      refuse(item.size, ErrorCode::TooLarge);
      return true;
    case LineReader::Kind::Failed:
      ended_early_ = true;
      console_.say(std::string("the input cannot be read any further: ") +
                   std::strerror(item.system_error));
      return false;
    case LineReader::Kind::End:
    case LineReader::Kind::Stopped:
      return false;
  }
  return false;
}

// With Block a line that found no room in time ends the run: the lines behind it are still in the
// input, where they can be sent later. With fail-fast the caller asked to go on without it.
bool ProduceRun::send(const LineReader::Item& item) {
  const auto sent = session_.send(record_of(item.line));
  if (sent.ok()) return true;
  if (sent.code() == ErrorCode::Closed && Signals::stop()) return false;
  refuse(item.size, sent.code());
  if (session_.goes_on_after(sent.error())) return true;
  session_.end_early(sent.error());
  return false;
}

Record ProduceRun::record_of(std::string_view line) const {
  Record record;
  record.value = line;
  if (flags_.key_separator.empty()) return record;
  const auto at = line.find(flags_.key_separator);
  if (at == line.npos) return record;
  record.key = line.substr(0, at);
  record.value = line.substr(at + flags_.key_separator.size());
  return record;
}

void ProduceRun::refuse(std::uint64_t size, ErrorCode code) {
  lines_refused_ += 1;
  if (lines_refused_ > kRefusalsTold) return;
  std::string sentence = "line " + format_count(lines_done_ + 1) + " (" + format_count(size) +
                         " bytes) was not sent: " + std::string(name_of(code));
  if (code == ErrorCode::TooLarge) {
    sentence +=
        ", a record may have " + format_count(flags_.session.producer.record_bytes_max) + " bytes";
  }
  if (lines_refused_ == kRefusalsTold) sentence += "; further ones are only counted";
  console_.say(sentence);
}

void ProduceRun::say_where_it_stopped() {
  console_.say(std::string(Signals::stop() ? "stopped by a signal" : "stopped") + " after line " +
               format_count(lines_done_) + " (byte " + std::to_string(bytes_done_) +
               " of the input); what follows was not sent");
}

}  // namespace

Command add_produce_command(CLI::App& root) {
  auto flags = std::make_shared<ProduceFlags>();
  CLI::App* app = root.add_subcommand("produce", "send lines, one record each");
  add_target_flags(*app, flags->session);
  app->add_option("--input", flags->input, "read this instead of standard input")
      ->type_name("FILE")
      ->check([](const std::string& path) {
        return path.empty() ? std::string("needs the name of a file") : std::string();
      });
  app->add_option("--key-separator", flags->key_separator,
                  "what stands before its first occurrence in a line is the key")
      ->type_name("TEXT")
      ->check([](const std::string& text) {
        return text.empty() ? std::string("needs at least one character") : std::string();
      });
  add_producer_flags(*app, flags->session.producer);
  add_count(*app, "--rate", flags->rate, kCountMax, "at most this many records a second")
      ->type_name("N")
      ->default_str("0, no limit");
  add_report_flags(*app, flags->session);
  add_config_flags(*app, flags->session.producer,
                   [app, flags] { require_target(*app, flags->session); });
  return {app, [flags] { return ProduceRun(*flags).run(); }};
}

}  // namespace spillway::cli
