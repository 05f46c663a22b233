#include "apps/spillway/line_reader.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace spillway::cli {

LineReader::LineReader(int fd, int stop_fd, std::size_t line_bytes_max)
    : fd_(fd),
      stop_fd_(stop_fd),
      line_bytes_max_(line_bytes_max),
      capacity_(line_bytes_max + kBlockBytes),
      buffer_(new char[capacity_]) {}

LineReader::Item LineReader::next() {
  while (true) {
    const void* found = std::memchr(buffer_.get() + scanned_, '\n', end_ - scanned_);
    if (found != nullptr) {
      return take_line(static_cast<std::size_t>(static_cast<const char*>(found) - buffer_.get()));
    }
    scanned_ = end_;
    if (held() > line_bytes_max_ || skipped_ > 0) discard_held();
    switch (fill()) {
      case Fill::Data:
        break;
      case Fill::End:
        return take_rest();
      case Fill::Stopped:
        return {Kind::Stopped, {}};
      case Fill::Failed:
        return {Kind::Failed, {}, 0, system_error_};
    }
  }
}

LineReader::Item LineReader::take_line(std::size_t newline) {
  const std::string_view line(buffer_.get() + begin_, newline - begin_);
  begin_ = scanned_ = newline + 1;
  return tell(line, skipped_ + line.size(), 1);
}

LineReader::Item LineReader::take_rest() {
  if (held() == 0 && skipped_ == 0) return {Kind::End, {}};
  const std::string_view line(buffer_.get() + begin_, held());
  begin_ = scanned_ = end_;
  return tell(line, skipped_ + line.size(), 0);
}

LineReader::Item LineReader::tell(std::string_view line, std::uint64_t size,
                                  std::size_t terminator) {
  skipped_ = 0;
  lines_ += 1;
  bytes_ += size + terminator;
  if (size > line_bytes_max_) return {Kind::TooLarge, {}, size};
  return {Kind::Line, line, size};
}

void LineReader::discard_held() noexcept {
  skipped_ += held();
  begin_ = scanned_ = end_ = 0;
}

// Makes room for a whole block first: held() is at most line_bytes_max_ here.
LineReader::Fill LineReader::fill() {
  if (capacity_ - end_ < kBlockBytes) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, held());
    end_ = scanned_ = held();
    begin_ = 0;
  }
  while (true) {
    const Fill ready = wait();
    if (ready != Fill::Data) return ready;
    const ssize_t got = ::read(fd_, buffer_.get() + end_, kBlockBytes);
    if (got > 0) end_ += static_cast<std::size_t>(got);
    if (got >= 0) return got > 0 ? Fill::Data : Fill::End;
    if (errno == EINTR || errno == EAGAIN) continue;
    system_error_ = errno;
    return Fill::Failed;
  }
}

LineReader::Fill LineReader::wait() {
  std::array<pollfd, 2> files{{{fd_, POLLIN, 0}, {stop_fd_, POLLIN, 0}}};
  while (true) {
    const int ready = ::poll(files.data(), files.size(), -1);
    if (ready < 0 && errno == EINTR) continue;
    if (ready > 0 && files[1].revents != 0) return Fill::Stopped;
    return Fill::Data;  // a file that poll cannot watch answers through read
  }
}

}  // namespace spillway::cli
