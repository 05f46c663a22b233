#include "testing/dev_broker/server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace spillway::dev {
namespace {

// What an epoll event names: the wake descriptor, a node's listener by node id, or a client by an
// id above all nodes.
constexpr std::uint64_t kWakeToken = 0;
constexpr std::uint64_t kFirstClient = DevCluster::kNodesMax + 1;
constexpr int kEventsMax = 64;
constexpr int kWaitMsMax = 60'000;

Now read_clocks() {
  return {mono_now(), wall_ms_coarse()};
}

// What a client can reach when the node listens everywhere.
std::string advertised(const std::string& host) {
  return host == "0.0.0.0" || host == "::" ? "localhost" : host;
}

}  // namespace

Server::Server(DevCluster& cluster, Faults& faults, const VersionCaps& caps, ServerOptions options)
    : cluster_(cluster), options_(std::move(options)), next_client_(kFirstClient) {
  for (const ClusterNode& node : cluster.nodes()) {
    nodes_.push_back(std::make_unique<Node>(node.id, cluster, faults, caps));
    listeners_.emplace_back();
  }
}

Server::~Server() {
  stop();
}

std::string Server::start() {
  epoll_ = FileDescriptor(::epoll_create1(EPOLL_CLOEXEC));
  wake_ = FileDescriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!epoll_.is_open() || !wake_.is_open()) return "no descriptors left for the dev broker";
  std::string unusable;
  tls_ = open_tls(options_.tls, unusable);
  if (!unusable.empty()) return unusable;
  watch(wake_.get(), kWakeToken, EPOLLIN, EPOLL_CTL_ADD);
  std::uint16_t port = options_.port;
  for (ClusterNode& node : cluster_.nodes()) {
    std::string failure = listener(node.id).bind(options_.host, port);
    if (failure.empty()) failure = listener(node.id).listen();
    if (!failure.empty()) return failure;
    node.host = advertised(options_.host);
    node.port = listener(node.id).port();
    watch(listener(node.id).fd(), static_cast<std::uint64_t>(node.id), EPOLLIN, EPOLL_CTL_ADD);
    if (port != 0) port += 1;
  }
  thread_ = std::thread([this] { run(); });
  return {};
}

void Server::stop() {
  if (!thread_.joinable()) return;
  {
    const auto guard = lock();
    stopping_ = true;
    nudge();
  }
  thread_.join();
  clients_.clear();
  for (Listener& one : listeners_) one.refuse();
}

void Server::open_node(std::int32_t id) {
  Listener& one = listener(id);
  if (one.is_listening()) return;
  const std::string failure = one.listen();
  SPILL_CHECK(failure.empty(), "the port is held by us and can be listened on again");
  watch(one.fd(), static_cast<std::uint64_t>(id), EPOLLIN, EPOLL_CTL_ADD);
}

void Server::close_node(std::int32_t id) {
  listener(id).refuse();
  std::erase_if(clients_,
                [&](const auto& entry) { return entry.second.connection.node_id() == id; });
}

void Server::nudge() {
  nudged_ = true;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t put = ::write(wake_.get(), &one, sizeof(one));
}

Listener& Server::listener(std::int32_t node_id) {
  return listeners_[static_cast<std::size_t>(node_id - kFirstNodeId)];
}

void Server::watch(int fd, std::uint64_t token, std::uint32_t events, int operation) const {
  epoll_event event{};
  event.events = events;
  event.data.u64 = token;
  ::epoll_ctl(epoll_.get(), operation, fd, &event);
}

void Server::run() {
  std::array<epoll_event, kEventsMax> events;
  int timeout_ms = kWaitMsMax;
  while (true) {
    const int count = ::epoll_wait(epoll_.get(), events.data(), kEventsMax, timeout_ms);
    const auto guard = lock();
    if (stopping_) return;
    const Now now = read_clocks();
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      handle_event(event.data.u64, event.events, now);
    }
    settle_all(now);
    timeout_ms = wait_ms(now.mono);
  }
}

void Server::handle_event(std::uint64_t token, std::uint32_t events, Now now) {
  if (token == kWakeToken) {
    std::uint64_t drained = 0;
    [[maybe_unused]] const ssize_t got = ::read(wake_.get(), &drained, sizeof(drained));
    return;
  }
  if (token < kFirstClient) return accept_from(static_cast<std::int32_t>(token));
  const auto found = clients_.find(token);
  if (found == clients_.end()) return;  // closed by an event before this one
  Connection& connection = found->second.connection;
  // Nobody reads a parked connection, so only this tells that its client has left.
  const bool left = (events & (EPOLLERR | EPOLLHUP)) != 0 ||
                    ((events & EPOLLRDHUP) != 0 && !connection.wants_read());
  if (left) {
    clients_.erase(found);
    return;
  }
  if ((events & (EPOLLIN | EPOLLRDHUP)) != 0) connection.on_readable(now);
}

void Server::accept_from(std::int32_t node_id) {
  Listener& one = listener(node_id);
  if (!one.is_listening()) return;
  FileDescriptor fd(::accept4(one.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd.is_open() || clients_.size() >= kConnectionsMax) return;
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  const std::uint64_t id = next_client_++;
  Node& node = *nodes_[static_cast<std::size_t>(node_id - kFirstNodeId)];
  constexpr std::uint32_t kInterest = EPOLLIN | EPOLLRDHUP;
  watch(fd.get(), id, kInterest, EPOLL_CTL_ADD);
  auto tls = tls_ != nullptr ? std::make_unique<TlsStream>(tls_, fd.get()) : nullptr;
  clients_.emplace(
      id,
      Client{Connection(std::move(fd), node, options_.frame_bytes_max, std::move(tls)), kInterest});
}

// After the events: whatever is due, and what they have made possible for others.
void Server::settle_all(Now now) {
  const bool look_again = nudged_ || seen_appends_ != cluster_.append_count();
  nudged_ = false;
  seen_appends_ = cluster_.append_count();
  wake_at_ = kNever;
  for (auto entry = clients_.begin(); entry != clients_.end();) {
    Connection& connection = entry->second.connection;
    connection.advance(now, look_again);
    if (connection.is_closed()) {
      entry = clients_.erase(entry);
      continue;
    }
    update_interest(entry->first, connection);
    wake_at_ = std::min(wake_at_, connection.wake_at());
    ++entry;
  }
  // A frame handled here may have appended what an earlier connection waits for.
  if (seen_appends_ != cluster_.append_count()) wake_at_ = now.mono;
}

void Server::update_interest(std::uint64_t id, const Connection& connection) {
  std::uint32_t wanted = EPOLLRDHUP;
  if (connection.wants_read()) wanted |= EPOLLIN;
  if (connection.wants_write()) wanted |= EPOLLOUT;
  std::uint32_t& interest = clients_.at(id).interest;
  if (interest == wanted) return;
  interest = wanted;
  watch(connection.fd(), id, wanted, EPOLL_CTL_MOD);
}

int Server::wait_ms(MonoTime now) const {
  if (wake_at_ == kNever) return kWaitMsMax;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(wake_at_ - now).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, kWaitMsMax));
}

}  // namespace spillway::dev
