// The only door to the network: the engine above it sees connections, bytes and time, never a
// socket. EpollTransport is the real one; a simulation implements the same interface.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/clock.h"

namespace spillway {

// Names one connection for ever: a closed connection's id is never given out again.
enum class ConnectionId : std::uint64_t {};

struct Endpoint {
  std::string host;  // name or numeric address, IPv4 or IPv6 (no brackets)
  std::uint16_t port = 0;
  bool operator==(const Endpoint&) const = default;
};

enum class CloseCause : std::uint8_t {
  ResolveFailed,  // the name has no address, or no resolver answered in time
  ConnectFailed,  // refused, unreachable or timed out on every address
  PeerClosed,     // orderly end by the broker
  Reset,          // any other socket error
  TlsFailed,      // no handshake, no trust, or a broken stream: the detail says which
};

// Called from Transport::poll only, on the polling thread.
class TransportEvents {
 public:
  virtual ~TransportEvents() = default;
  virtual void on_connected(ConnectionId id) = 0;
  // Bytes wait: call Transport::read until it returns 0 (or stop early: the event comes again).
  virtual void on_readable(ConnectionId id) = 0;
  // Only after a write took less than it was given.
  virtual void on_writable(ConnectionId id) = 0;
  // The connection is gone and its id is dead. Not called for Transport::close. `detail`: a
  // sentence for a log, valid during the call.
  virtual void on_closed(ConnectionId id, CloseCause cause, const char* detail) = 0;
};

class Transport {
 public:
  virtual ~Transport() = default;

  // Starts resolving and connecting; never blocks. Every attempt ends in on_connected or on_closed,
  // at the latest after the connect timeout. Returns ConnectionId{0} if the table of connections is
  // full.
  virtual ConnectionId connect(const Endpoint& endpoint) = 0;

  // Gathers at most 1024 pieces. Returns bytes taken; less than offered (0 included) means that
  // on_writable will follow. A dead connection takes 0 and reports on_closed from the next poll.
  virtual std::size_t write(ConnectionId id, std::span<const iovec> pieces) = 0;

  // Bytes read into `into`, 0 if none wait.
  virtual std::size_t read(ConnectionId id, std::span<std::byte> into) = 0;

  // Forgets the connection at once; no event follows. When it returns, the kernel holds no
  // reference to memory given to write.
  virtual void close(ConnectionId id) = 0;

  // Waits for events, a wake() or the deadline, whichever comes first, and delivers what came. A
  // deadline in the past polls without waiting.
  virtual void poll(MonoTime deadline, TransportEvents& events) = 0;

  // Ends the current or the next poll. Any thread; async-signal-safe.
  virtual void wake() noexcept = 0;

  [[nodiscard]] virtual MonoTime now() noexcept = 0;
};

}  // namespace spillway
