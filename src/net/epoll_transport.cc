#include "net/epoll_transport.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace spillway {
namespace {

constexpr std::uint64_t kWakeTag = 0;     // no connection: a generation begins at 1
constexpr std::size_t kPiecesMax = 1024;  // IOV_MAX of Linux

std::size_t bytes_of(std::span<const iovec> pieces) noexcept {
  std::size_t bytes = 0;
  for (const iovec& piece : pieces) bytes += piece.iov_len;
  return bytes;
}

bool data_waits(int fd) noexcept {
  std::byte byte;
  return ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

}  // namespace

Result<std::unique_ptr<EpollTransport>> EpollTransport::open(Options options) {
  if (options.connections_max == 0 || options.connections_max > kConnectionsMax) {
    return Error(ErrorCode::InvalidArgument, "connections_max must be in 1..65535");
  }
  if (options.connect_timeout <= std::chrono::milliseconds::zero()) {
    return Error(ErrorCode::InvalidArgument, "connect_timeout must be positive");
  }
  const int epoll_fd = ::epoll_create1(EPOLL_CLOEXEC);
  const int wake_fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  // Edge-triggered: every wake is an edge of its own, so nobody has to read the counter down.
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.u64 = kWakeTag}};
  const bool opened =
      epoll_fd >= 0 && wake_fd >= 0 && ::epoll_ctl(epoll_fd, EPOLL_CTL_ADD, wake_fd, &event) == 0;
  if (opened) {
    return std::unique_ptr<EpollTransport>(
        new EpollTransport(std::move(options), epoll_fd, wake_fd));
  }
  const int error = errno;
  if (epoll_fd >= 0) ::close(epoll_fd);
  if (wake_fd >= 0) ::close(wake_fd);
  return Error(ErrorCode::System, std::string("cannot open epoll: ") + ::strerrordesc_np(error));
}

std::size_t EpollTransport::memory_bytes(const Options& options) noexcept {
  return sizeof(EpollTransport) + options.connections_max * sizeof(Connection) +
         Resolver::memory_bytes(2 * options.connections_max);
}

// Twice the rows: a question that a close() has forgotten keeps its place for a while.
EpollTransport::EpollTransport(Options options, int epoll_fd, int wake_fd)
    : options_(std::move(options)),
      epoll_fd_(epoll_fd),
      wake_fd_(wake_fd),
      connections_(std::make_unique<Connection[]>(options_.connections_max)),
      resolver_(epoll_fd, 2 * options_.connections_max, options_.dns_servers, *this) {}

EpollTransport::~EpollTransport() {
  for (std::uint32_t i = 0; i < connections_size_; ++i) {
    if (connections_[i].fd >= 0) ::close(connections_[i].fd);
  }
  resolver_.stop();  // while its epoll set is still open
  ::close(wake_fd_);
  ::close(epoll_fd_);
}

std::size_t EpollTransport::write(ConnectionId id, std::span<const iovec> pieces) {
  Connection* const connection = find(id);
  const std::size_t offered = bytes_of(pieces);
  if (connection == nullptr || connection->state == ConnectionState::Dead || offered == 0) return 0;
  if (connection->state != ConnectionState::Connected) {
    connection->write_blocked = true;
    return 0;
  }
  if (connection->write_blocked) return 0;  // on_writable tells when to ask the kernel again
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces.data());  // sendmsg only reads them
  message.msg_iovlen = std::min(pieces.size(), kPiecesMax);
  const ssize_t sent = ::sendmsg(connection->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) {
    die(*connection, {.phase = Phase::Write, .number = errno});
    return 0;
  }
  const std::size_t taken = sent < 0 ? 0 : static_cast<std::size_t>(sent);
  if (taken == offered) return taken;
  connection->write_blocked = true;
  if (!watch(*connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT)) {
    die(*connection, {.phase = Phase::Write, .number = errno});
  }
  return taken;
}

// A Dead connection still gives what had arrived before it died.
std::size_t EpollTransport::read(ConnectionId id, std::span<std::byte> into) {
  Connection* const connection = find(id);
  if (connection == nullptr || connection->fd < 0 || connection->read_drained || into.empty() ||
      connection->state < ConnectionState::Connected) {
    return 0;
  }
  const ssize_t got = ::recv(connection->fd, into.data(), into.size(), MSG_DONTWAIT);
  if (got > 0) {
    connection->read_drained = static_cast<std::size_t>(got) < into.size();
    return static_cast<std::size_t>(got);
  }
  if (got < 0 && errno == EINTR) return 0;
  connection->read_drained = true;
  if (got < 0 && errno == EAGAIN) return 0;
  if (connection->state == ConnectionState::Dead) return 0;
  die(*connection, {.cause = got == 0 ? CloseCause::PeerClosed : CloseCause::Reset,
                    .phase = Phase::Read,
                    .number = got == 0 ? 0 : errno});
  return 0;
}

void EpollTransport::close(ConnectionId id) {
  Connection* const connection = find(id);
  if (connection == nullptr) return;
  if (connection->state == ConnectionState::Resolving) {
    resolver_.forget(static_cast<std::uint64_t>(id));
  }
  release(*connection);
}

void EpollTransport::wake() noexcept {
  const int error = errno;  // a signal handler must leave it as it was
  const std::uint64_t one = 1;
  // Fails only after 2^64 - 2 wakes.
  static_cast<void>(!::write(wake_fd_, &one, sizeof one));
  errno = error;
}

void EpollTransport::poll(MonoTime deadline, TransportEvents& events) {
  SPILL_CHECK(!std::exchange(polling_, true), "poll is not called from its own callbacks");
  delivered_ = false;
  report_dead(events);
  do {
    const MonoTime time = now();
    const MonoTime until = delivered_ ? time : std::min(deadline, timer_next(time));
    const int count = wait(until, time);
    for (int i = 0; i < count; ++i) dispatch(batch_[static_cast<std::size_t>(i)], events);
    if (pending_ != 0 || resolver_.running()) expire(now());
    report_dead(events);
  } while (!delivered_ && deadline > now());
  polling_ = false;
}

// Interrupted by a signal, or refused, is 0 events: poll looks at the clock and comes again.
int EpollTransport::wait(MonoTime until, MonoTime time) noexcept {
  ++waits_;
  const MonoDuration left = until > time ? until - time : MonoDuration::zero();
  if (pwait2_) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    const timespec timeout{.tv_sec = seconds.count(), .tv_nsec = (left - seconds).count()};
    const int count = ::epoll_pwait2(epoll_fd_, batch_.data(), kEventsMax,
                                     until == kNever ? nullptr : &timeout, nullptr);
    if (count >= 0 || errno == EINTR) return std::max(count, 0);
    pwait2_ = false;  // ENOSYS before Linux 5.11, EPERM in some sandboxes
  }
  constexpr std::chrono::milliseconds kLongest = std::chrono::hours(1);
  const auto rounded = std::min(std::chrono::ceil<std::chrono::milliseconds>(left), kLongest);
  return std::max(
      ::epoll_wait(epoll_fd_, batch_.data(), kEventsMax, static_cast<int>(rounded.count())), 0);
}

void EpollTransport::dispatch(const epoll_event& event, TransportEvents& events) {
  const std::uint64_t tag = event.data.u64;
  if (tag == kWakeTag) {
    delivered_ = true;
    return;
  }
  if ((tag & kResolverTag) != 0) return resolver_.process(tag, event.events);
  const ConnectionId id{tag};
  Connection* const connection = find(id);  // null: closed by a callback of this very batch
  if (connection == nullptr) return;
  if (connection->state == ConnectionState::Connecting) return connect_finish(*connection, events);
  if (connection->state == ConnectionState::Connected) {
    dispatch_connected(id, event.events, events);
  }
}

// An error or hang-up is left to read(), which finds what arrived before it.
void EpollTransport::dispatch_connected(ConnectionId id, std::uint32_t ready,
                                        TransportEvents& events) {
  delivered_ = true;
  if ((ready & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) {
    find(id)->read_drained = false;
    events.on_readable(id);
  }
  Connection* const connection = find(id);  // the callback may have closed it
  if ((ready & EPOLLOUT) == 0 || connection == nullptr || !connection->write_blocked) return;
  if (connection->state != ConnectionState::Connected) return;
  connection->write_blocked = false;
  if (watch(*connection, EPOLL_CTL_MOD, EPOLLIN)) return events.on_writable(id);
  die(*connection, {.phase = Phase::Write, .number = errno});
}

void EpollTransport::report_dead(TransportEvents& events) {
  for (std::uint32_t i = 0; dead_ != 0 && i < connections_size_; ++i) {
    Connection& connection = connections_[i];
    if (connection.state != ConnectionState::Dead) continue;
    const ConnectionId id = id_of(connection);
    delivered_ = true;
    // Answers that came before a write failed are still answers.
    if (connection.failure.phase == Phase::Write && data_waits(connection.fd)) {
      connection.read_drained = false;
      events.on_readable(id);
      if (find(id) == nullptr) continue;
    }
    const CloseCause cause = connection.failure.cause;
    failure_print(connection, options_.connect_timeout, detail_);
    release(connection);  // first: the callback may connect again, into this very row
    events.on_closed(id, cause, detail_.data());
  }
}

Connection* EpollTransport::find(ConnectionId id) noexcept {
  const auto value = static_cast<std::uint64_t>(id);
  const std::uint64_t slot = value & kConnectionsMax;
  if (slot >= connections_size_) return nullptr;
  Connection& connection = connections_[slot];
  const bool alive =
      connection.state != ConnectionState::Free && connection.generation == value >> kSlotBits;
  return alive ? &connection : nullptr;
}

ConnectionId EpollTransport::id_of(const Connection& connection) const noexcept {
  const auto slot = static_cast<std::uint64_t>(&connection - connections_.get());
  return ConnectionId{connection.generation << kSlotBits | slot};
}

bool EpollTransport::watch(Connection& connection, int operation, std::uint32_t interest) noexcept {
  epoll_event event{.events = interest,
                    .data = {.u64 = static_cast<std::uint64_t>(id_of(connection))}};
  return ::epoll_ctl(epoll_fd_, operation, connection.fd, &event) == 0;
}

// The socket stays open until the report, for what is left to read.
void EpollTransport::die(Connection& connection, Failure failure) noexcept {
  connection.failure = failure;
  enter(connection, ConnectionState::Dead);
}

void EpollTransport::enter(Connection& connection, ConnectionState state) noexcept {
  const auto pending = [](ConnectionState value) {
    return value == ConnectionState::Resolving || value == ConnectionState::Connecting ? 1U : 0U;
  };
  pending_ += pending(state) - pending(connection.state);
  dead_ += (state == ConnectionState::Dead ? 1U : 0U) -
           (connection.state == ConnectionState::Dead ? 1U : 0U);
  connection.state = state;
}

void EpollTransport::release(Connection& connection) noexcept {
  if (connection.fd >= 0) ::close(std::exchange(connection.fd, -1));
  enter(connection, ConnectionState::Free);
  ++connection.generation;
  connection.write_blocked = false;
  connection.read_drained = false;
}

}  // namespace spillway
