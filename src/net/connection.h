// One row of the transport's table: an attempt that became, or did not become, a connection.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/clock.h"
#include "net/address.h"
#include "net/transport.h"

namespace spillway {

//   Free ─► Resolving ─► Connecting ─► Connected ─► Dead ─► Free
//              └─────────────┴──────────────────────┘ reported by the next poll
// close() leads from any of them to Free at once.
enum class ConnectionState : std::uint8_t { Free, Resolving, Connecting, Connected, Dead };

enum class Phase : std::uint8_t { Resolve, Socket, Connect, Read, Write };

// Why a connection died; `number` is an errno, 0 for an orderly end, kTimedOut for our own
// deadline.
struct Failure {
  static constexpr int kTimedOut = -1;
  CloseCause cause = CloseCause::Reset;
  Phase phase = Phase::Connect;
  int number = 0;
  const char* reason = nullptr;  // of Phase::Resolve, static
};

// A DNS name has at most 253 characters; what is longer is refused before anybody is asked.
inline constexpr std::size_t kHostBytesMax = 255;

struct Connection {
  std::uint64_t generation = 1;  // counts up when the row is freed
  ConnectionState state = ConnectionState::Free;
  bool write_blocked = false;  // on_writable is owed
  bool read_drained = false;   // the last read found less than it asked for
  std::uint16_t port = 0;
  int fd = -1;
  std::uint32_t address_count = 0;
  std::uint32_t address_next = 0;  // the first not yet tried
  MonoTime attempt_deadline = kNever;
  MonoTime address_deadline = kNever;  // an address gets its share of the time left
  Failure failure;
  std::array<char, kHostBytesMax + 1> host{};
  std::array<Address, kAddressesMax> addresses;
};

// The outcome of a non-blocking connect: 0 or an errno. A free port of the ephemeral range,
// connected to over and over on loopback, one day meets itself (simultaneous open): that is
// ECONNREFUSED, for nobody listens, and the socket must go lest it keep the broker from binding its
// port.
[[nodiscard]] int connect_result(int fd) noexcept;

// "broker localhost:9092: connect failed: connection refused". Terminated, cut to fit.
void failure_print(const Connection& connection, std::chrono::milliseconds connect_timeout,
                   std::span<char> into) noexcept;

}  // namespace spillway
