// The network, for real: epoll, non-blocking TCP, names through c-ares.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "net/connection.h"
#include "net/resolver.h"
#include "net/transport.h"
#include "spillway/error.h"

namespace spillway {

// One polling thread calls everything but wake() and now(). read, write and poll never touch the
// heap; connect may (c-ares, /etc/hosts), and so does poll while a name is being resolved.
//
// Cost: a write or a read is one system call; a read after one that found less than it asked for is
// none. The table is connections_max rows of under 1 KiB, see memory_bytes.
class EpollTransport final : public Transport, private Resolver::Answers {
 public:
  struct Options {
    std::uint32_t connections_max = 64;
    // From connect() to on_connected, the name and all its addresses included. An address that does
    // not answer gets an equal share of what is left, so that it cannot hide the ones behind it.
    std::chrono::milliseconds connect_timeout{10'000};
    // Numeric addresses for a host, asked before the resolver; an empty answer means "ask it".
    std::function<std::vector<std::string>(const std::string& host)> addresses_of = {};
    // "address[:port],…" instead of the servers of /etc/resolv.conf.
    std::string dns_servers = {};
  };

  // InvalidArgument: connections_max not in 1..65535, or a connect timeout that is not positive.
  // System: no descriptor for epoll or eventfd.
  [[nodiscard]] static Result<std::unique_ptr<EpollTransport>> open(Options options);
  // What a transport of these options holds, without what c-ares allocates while it resolves.
  [[nodiscard]] static std::size_t memory_bytes(const Options& options) noexcept;
  // Closes every connection; no event follows.
  ~EpollTransport() override;

  ConnectionId connect(const Endpoint& endpoint) override;
  std::size_t write(ConnectionId id, std::span<const iovec> pieces) override;
  std::size_t read(ConnectionId id, std::span<std::byte> into) override;
  void close(ConnectionId id) override;
  // A death that read or write noticed inside a callback is reported when the batch is done.
  // Wakes after the deadline by the timer's slack (50 µs by default), never before it; without
  // epoll_pwait2 (Linux 5.11) up to 1 ms after it.
  void poll(MonoTime deadline, TransportEvents& events) override;
  void wake() noexcept override;
  [[nodiscard]] MonoTime now() noexcept override { return mono_now(); }

  // How often poll has waited in the kernel: what proves that a linger is not a busy loop.
  [[nodiscard]] std::uint64_t waits() const noexcept { return waits_; }

 private:
  static constexpr int kSlotBits = 16;  // of a ConnectionId; the rest is the generation
  static constexpr std::uint32_t kConnectionsMax = (1U << kSlotBits) - 1;
  static constexpr int kEventsMax = 64;  // of one batch; the kernel rotates what is left over

  EpollTransport(Options options, int epoll_fd, int wake_fd);

  // epoll_attempt.cc: from connect() to the end of the attempt.
  void on_resolved(std::uint64_t token, std::span<const Address> addresses,
                   const char* reason) override;
  void resolve(Connection& connection, const Endpoint& endpoint);
  void connect_next(Connection& connection, Failure failure);
  [[nodiscard]] int connect_start(Connection& connection, const Address& address);
  void connect_finish(Connection& connection, TransportEvents& events);

  void expire(MonoTime time);
  [[nodiscard]] MonoTime timer_next(MonoTime time) const noexcept;

  [[nodiscard]] int wait(MonoTime until, MonoTime time) noexcept;
  void dispatch(const epoll_event& event, TransportEvents& events);
  void dispatch_connected(ConnectionId id, std::uint32_t ready, TransportEvents& events);
  void report_dead(TransportEvents& events);

  [[nodiscard]] Connection* find(ConnectionId id) noexcept;
  [[nodiscard]] ConnectionId id_of(const Connection& connection) const noexcept;
  bool watch(Connection& connection, int operation, std::uint32_t interest) noexcept;
  void die(Connection& connection, Failure failure) noexcept;
  void enter(Connection& connection, ConnectionState state) noexcept;
  void release(Connection& connection) noexcept;

  // Constant after construction.
  const Options options_;
  const int epoll_fd_;
  const int wake_fd_;
  // The polling thread only.
  bool pwait2_ = true;  // until the kernel, or its guard, refuses it
  bool polling_ = false;
  bool delivered_ = false;              // this poll has something to return for
  std::uint32_t connections_size_ = 0;  // rows ever used: what scans look at
  std::uint32_t pending_ = 0;           // rows Resolving or Connecting
  std::uint32_t dead_ = 0;              // rows Dead
  std::uint64_t waits_ = 0;
  const std::unique_ptr<Connection[]> connections_;
  Resolver resolver_;
  std::array<epoll_event, kEventsMax> batch_;
  std::array<char, 512> detail_;
};

}  // namespace spillway
