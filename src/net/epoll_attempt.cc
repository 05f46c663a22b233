// How EpollTransport makes a connection: the name, then its addresses in order, within one
// deadline.
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "net/epoll_transport.h"

namespace spillway {
namespace {

// A peer that vanished is noticed after a minute of silence, without TLS or Kafka traffic.
constexpr int kKeepaliveIdleSeconds = 30;
constexpr int kKeepaliveIntervalSeconds = 10;
constexpr int kKeepaliveProbes = 3;

void set_option(int fd, int level, int name, int value) noexcept {
  // A refusal costs latency or a later notice of death, never correctness.
  static_cast<void>(::setsockopt(fd, level, name, &value, sizeof value));
}

int open_socket(int family) noexcept {
  const int fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return fd;
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, kKeepaliveIdleSeconds);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, kKeepaliveIntervalSeconds);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, kKeepaliveProbes);
  return fd;
}

}  // namespace

ConnectionId EpollTransport::connect(const Endpoint& endpoint) {
  std::uint32_t slot = 0;
  while (slot < connections_size_ && connections_[slot].state != ConnectionState::Free) ++slot;
  if (slot == options_.connections_max) return ConnectionId{0};
  connections_size_ = std::max(connections_size_, slot + 1);

  Connection& connection = connections_[slot];
  enter(connection, ConnectionState::Resolving);
  connection.port = endpoint.port;
  connection.attempt_deadline = now() + options_.connect_timeout;
  connection.address_deadline = connection.attempt_deadline;
  const std::size_t size = std::min(endpoint.host.size(), kHostBytesMax);
  std::memcpy(connection.host.data(), endpoint.host.data(), size);
  connection.host[size] = '\0';
  const ConnectionId id = id_of(connection);
  resolve(connection, endpoint);
  return id;
}

void EpollTransport::resolve(Connection& connection, const Endpoint& endpoint) {
  const auto token = static_cast<std::uint64_t>(id_of(connection));
  const char* const host = connection.host.data();
  if (endpoint.host.size() != std::strlen(host) || endpoint.host.empty()) {
    return on_resolved(token, {}, "a host has 1 to 255 characters, none of them NUL");
  }
  std::array<Address, kAddressesMax> addresses;
  std::size_t count = 0;
  if (const auto numeric = Address::parse(host, endpoint.port)) addresses[count++] = *numeric;
  if (count == 0 && options_.addresses_of) {
    for (const std::string& text : options_.addresses_of(endpoint.host)) {
      const auto numeric = Address::parse(text.c_str(), endpoint.port);
      if (numeric && count < kAddressesMax) addresses[count++] = *numeric;
    }
  }
  if (count != 0) return on_resolved(token, std::span(addresses).first(count), nullptr);
  resolver_.start(host, endpoint.port, token);
}

void EpollTransport::on_resolved(std::uint64_t token, std::span<const Address> addresses,
                                 const char* reason) {
  Connection* const connection = find(ConnectionId{token});
  SPILL_CHECK(connection != nullptr && connection->state == ConnectionState::Resolving,
              "a closed connection's question is forgotten");
  if (addresses.empty()) {
    return die(*connection, {.cause = CloseCause::ResolveFailed,
                             .phase = Phase::Resolve,
                             .number = 0,
                             .reason = reason});
  }
  std::copy(addresses.begin(), addresses.end(), connection->addresses.begin());
  connection->address_count = static_cast<std::uint32_t>(addresses.size());
  connection->address_next = 0;
  enter(*connection, ConnectionState::Connecting);
  connect_next(*connection, {});
}

// Tries the addresses that are left until one does not fail at once. `failure` is the last one's.
void EpollTransport::connect_next(Connection& connection, Failure failure) {
  failure.cause = CloseCause::ConnectFailed;
  while (connection.address_next < connection.address_count) {
    if (connection.fd >= 0) ::close(std::exchange(connection.fd, -1));
    const MonoTime time = now();
    const MonoDuration left = connection.attempt_deadline - time;
    connection.address_deadline =
        time + left / (connection.address_count - connection.address_next);
    const Address& address = connection.addresses[connection.address_next++];
    failure.number = connect_start(connection, address);
    if (failure.number == 0) return;
    failure.phase = connection.fd >= 0 ? Phase::Connect : Phase::Socket;
  }
  die(connection, failure);
}

// 0: under way. Else an errno.
int EpollTransport::connect_start(Connection& connection, const Address& address) {
  connection.fd = open_socket(address.family());
  if (connection.fd < 0) return errno;
  if (::connect(connection.fd, address.get(), address.size()) != 0 && errno != EINPROGRESS) {
    return errno;
  }
  return watch(connection, EPOLL_CTL_ADD, EPOLLOUT) ? 0 : errno;
}

void EpollTransport::connect_finish(Connection& connection, TransportEvents& events) {
  const int error = connect_result(connection.fd);
  const bool owed = connection.write_blocked;
  if (error == 0 && watch(connection, EPOLL_CTL_MOD, owed ? EPOLLIN | EPOLLOUT : EPOLLIN)) {
    enter(connection, ConnectionState::Connected);
    delivered_ = true;
    return events.on_connected(id_of(connection));
  }
  connect_next(connection, {.phase = Phase::Connect, .number = error != 0 ? error : errno});
}

void EpollTransport::expire(MonoTime time) {
  for (std::uint32_t i = 0; pending_ != 0 && i < connections_size_; ++i) {
    Connection& connection = connections_[i];
    const bool resolving = connection.state == ConnectionState::Resolving;
    const bool connecting = connection.state == ConnectionState::Connecting;
    if ((!resolving && !connecting) || connection.address_deadline > time) continue;
    if (connecting) {
      connect_next(connection, {.phase = Phase::Connect, .number = Failure::kTimedOut});
      continue;
    }
    resolver_.forget(static_cast<std::uint64_t>(id_of(connection)));
    die(connection, {.cause = CloseCause::ResolveFailed,
                     .phase = Phase::Resolve,
                     .number = Failure::kTimedOut});
  }
  resolver_.expire();
}

MonoTime EpollTransport::timer_next(MonoTime time) const noexcept {
  if (pending_ == 0) return resolver_.deadline(time);
  MonoTime next = resolver_.deadline(time);
  for (std::uint32_t i = 0; i < connections_size_; ++i) {
    const Connection& connection = connections_[i];
    const bool pending = connection.state == ConnectionState::Resolving ||
                         connection.state == ConnectionState::Connecting;
    if (pending) next = std::min(next, connection.address_deadline);
  }
  return next;
}

}  // namespace spillway
