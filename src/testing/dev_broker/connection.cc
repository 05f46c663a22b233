#include "testing/dev_broker/connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "wire/types.h"

namespace spillway::dev {
namespace {

constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kInBytesFirst = std::size_t{64} << 10;
// A client that keeps the buffer full gets larger reads, up to here.
constexpr std::size_t kReadBytesMax = std::size_t{1} << 20;

bool is_transient(int error) noexcept {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

}  // namespace

Connection::Connection(FileDescriptor fd, Node& node, std::size_t frame_bytes_max,
                       std::unique_ptr<TlsStream> tls)
    : fd_(std::move(fd)),
      tls_(std::move(tls)),
      node_(node),
      frame_bytes_max_(frame_bytes_max),
      in_(kInBytesFirst) {}

ssize_t Connection::receive(std::span<std::byte> into) {
  if (tls_ != nullptr) return tls_->receive(into);
  return ::recv(fd_.get(), into.data(), into.size(), 0);
}

ssize_t Connection::transmit(std::span<const std::byte> bytes) {
  if (tls_ != nullptr) return tls_->send(bytes);
  return ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

bool Connection::wants_read() const noexcept {
  return !ending_ && !parked_.has_value() && out_bytes_ <= kOutBytesMax;
}

bool Connection::can_handle() const noexcept {
  return wants_read() && !muted_;
}

MonoTime Connection::wake_at() const noexcept {
  const MonoTime parked = parked_.has_value() ? parked_->wake_at : kNever;
  const MonoTime send = out_.empty() || blocked_ ? kNever : out_.front().send_at;
  return std::min(parked, send);
}

void Connection::on_readable(Now now) {
  if (!wants_read()) return;
  read_once();
  if (closed_) return;
  handle_frames(now);
  flush(now);
}

void Connection::read_once() {
  make_room();
  const ssize_t got = receive(std::span(in_).subspan(end_));
  if (got == 0 || (got < 0 && !is_transient(errno))) {
    closed_ = true;
    return;
  }
  if (got < 0) return;
  end_ += static_cast<std::size_t>(got);
  if (muted_) begin_ = end_ = 0;
}

void Connection::make_room() {
  if (begin_ == end_) begin_ = end_ = 0;
  const bool full = end_ == in_.size();
  if (begin_ > 0 && in_.size() - end_ < in_.size() / 4) {
    std::memmove(in_.data(), in_.data() + begin_, available());
    end_ -= begin_;
    begin_ = 0;
  }
  const std::size_t size_max = std::max(kReadBytesMax, frame_bytes_max_ + kLengthBytes);
  const bool one_frame_fills_it = end_ == in_.size();
  if (one_frame_fills_it || (full && in_.size() < kReadBytesMax)) {
    in_.resize(std::min(in_.size() * 2, size_max));
  }
}

// The next whole frame without its length; ends the connection when its length is absurd.
std::optional<std::span<const std::byte>> Connection::next_frame() {
  if (available() < kLengthBytes) return std::nullopt;
  const auto length = wire::load_big_endian<std::int32_t>(in_.data() + begin_);
  if (length < 0 || static_cast<std::size_t>(length) > frame_bytes_max_) {
    ending_ = true;
    return std::nullopt;
  }
  const auto size = static_cast<std::size_t>(length);
  if (available() < kLengthBytes + size) return std::nullopt;
  return std::span<const std::byte>(in_).subspan(begin_ + kLengthBytes, size);
}

void Connection::handle_frames(Now now) {
  while (can_handle()) {
    const auto frame = next_frame();
    if (!frame.has_value()) return;
    Parked request;
    const Outcome outcome = node_.handle_request(*frame, now, login_, request);
    if (outcome.kind == Outcome::Kind::Park) {
      parked_ = Waiting{request, outcome.wake_at};
      return;
    }
    settle(outcome, *frame);
  }
}

void Connection::settle(const Outcome& outcome, std::span<const std::byte> frame) {
  begin_ += kLengthBytes + frame.size();
  switch (outcome.kind) {
    case Outcome::Kind::Answer:
      out_bytes_ += outcome.answer.size();
      out_.push_back(
          {{outcome.answer.begin(), outcome.answer.end()}, outcome.send_at, outcome.close_after});
      ending_ = outcome.close_after;
      break;
    case Outcome::Kind::Close:
      out_.push_back({{}, outcome.send_at, true});
      ending_ = true;
      break;
    case Outcome::Kind::Mute:
      muted_ = true;
      begin_ = end_ = 0;
      break;
    case Outcome::Kind::NoAnswer:
    case Outcome::Kind::Park:
      break;
  }
}

void Connection::advance(Now now, bool look_again) {
  if (closed_) return;
  if (parked_.has_value() && (look_again || parked_->wake_at <= now.mono)) {
    const auto frame = next_frame();
    const Outcome outcome = node_.resume(*frame, now, login_, parked_->request);
    if (outcome.kind != Outcome::Kind::Park) {
      parked_.reset();
      settle(outcome, *frame);
    }
  }
  flush(now);
  handle_frames(now);
  while (tls_ != nullptr && !closed_ && wants_read() && tls_->pending()) {
    read_once();
    handle_frames(now);
  }
  flush(now);
}

void Connection::flush(Now now) {
  blocked_ = false;
  while (!closed_ && !out_.empty() && out_.front().send_at <= now.mono) {
    Pending& front = out_.front();
    if (sent_ < front.bytes.size()) {
      const ssize_t put = transmit(std::span<const std::byte>(front.bytes).subspan(sent_));
      if (put < 0) {
        blocked_ = is_transient(errno);
        closed_ = !blocked_;
        return;
      }
      sent_ += static_cast<std::size_t>(put);
      if (sent_ < front.bytes.size()) continue;
    }
    closed_ = front.close_after;
    out_bytes_ -= front.bytes.size();
    sent_ = 0;
    out_.pop_front();
  }
  if (ending_ && out_.empty()) closed_ = true;
}

}  // namespace spillway::dev
