// Connection: one client's bytes. Cuts frames out of what arrives, hands them to the node one at a
// time, queues answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "testing/dev_broker/listener.h"
#include "testing/dev_broker/node.h"
#include "testing/dev_broker/tls_stream.h"

namespace spillway::dev {

// Not thread-safe. Every call leaves the socket non-blocking and never waits.
class Connection {
 public:
  // Answers queued beyond this stop the handling of further requests until the client has read.
  static constexpr std::size_t kOutBytesMax = std::size_t{16} << 20;

  // `tls` null: plaintext.
  Connection(FileDescriptor fd, Node& node, std::size_t frame_bytes_max,
             std::unique_ptr<TlsStream> tls = nullptr);

  // One read, then every whole frame in it.
  void on_readable(Now now);
  // Sends what is due, wakes a parked request at its time or when `look_again`, goes on with frames
  // that waited.
  void advance(Now now, bool look_again);

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] std::int32_t node_id() const noexcept { return node_.id(); }
  [[nodiscard]] bool is_closed() const noexcept { return closed_; }
  [[nodiscard]] bool is_parked() const noexcept { return parked_.has_value(); }
  [[nodiscard]] bool wants_read() const noexcept;
  // The kernel's buffer was full.
  [[nodiscard]] bool wants_write() const noexcept { return blocked_; }
  // When advance() has something to do next; kNever if only the client can cause it.
  [[nodiscard]] MonoTime wake_at() const noexcept;

 private:
  struct Pending {
    std::vector<std::byte> bytes;
    MonoTime send_at;
    bool close_after;
  };

  [[nodiscard]] std::size_t available() const noexcept { return end_ - begin_; }
  [[nodiscard]] bool can_handle() const noexcept;
  [[nodiscard]] ssize_t receive(std::span<std::byte> into);
  [[nodiscard]] ssize_t transmit(std::span<const std::byte> bytes);
  void read_once();
  void make_room();
  void handle_frames(Now now);
  [[nodiscard]] std::optional<std::span<const std::byte>> next_frame();
  void settle(const Outcome& outcome, std::span<const std::byte> frame);
  void flush(Now now);

  FileDescriptor fd_;
  std::unique_ptr<TlsStream> tls_;  // over fd_
  Node& node_;
  Login login_;
  std::size_t frame_bytes_max_;

  // Received and not yet used: in_[begin_, end_). Grows with what has arrived, not with what a
  // length claims.
  std::vector<std::byte> in_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;

  std::deque<Pending> out_;
  std::size_t out_bytes_ = 0;  // in out_
  std::size_t sent_ = 0;       // of the front

  struct Waiting {
    Parked request;
    MonoTime wake_at;
  };
  std::optional<Waiting> parked_;
  bool muted_ = false;   // reads and forgets
  bool ending_ = false;  // no more requests; closes when out_ is empty
  bool blocked_ = false;
  bool closed_ = false;
};

}  // namespace spillway::dev
