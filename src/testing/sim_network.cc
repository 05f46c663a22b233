#include "testing/sim_network.h"

#include <algorithm>
#include <utility>

#include "wire/types.h"

namespace spillway::dev {
namespace {

constexpr std::size_t kLengthBytes = 4;
constexpr std::uint64_t kLatencyNsMax = 2'000'000;
constexpr std::int64_t kWallMs = 1'700'000'000'000;  // what the brokers' calendars say

}  // namespace

SimNetwork::SimNetwork(DevCluster& cluster, Faults& faults, const VersionCaps& caps,
                       std::uint64_t seed)
    : cluster_(cluster), random_(seed), now_(MonoDuration(1'000'000'000 + seed % 1'000'000)) {
  for (const ClusterNode& node : cluster.nodes())
    nodes_.push_back(std::make_unique<Node>(node.id, cluster, faults, caps));
}

std::vector<Endpoint> SimNetwork::bootstrap() {
  std::vector<Endpoint> all;
  for (ClusterNode& node : cluster_.nodes()) {
    node.host = "node" + std::to_string(node.id);
    node.port = 9092;
    all.push_back({node.host, node.port});
  }
  return all;
}

SimNetwork::Link* SimNetwork::find(ConnectionId id) {
  const auto found = links_.find(id);
  return found == links_.end() ? nullptr : &found->second;
}

std::int32_t SimNetwork::node_at(const Endpoint& endpoint) {
  for (const ClusterNode& node : cluster_.nodes()) {
    if (node.host == endpoint.host) return node.id;
  }
  return 0;
}

MonoDuration SimNetwork::latency() {
  return MonoDuration(1 + random_.below(kLatencyNsMax));
}

ConnectionId SimNetwork::connect(const Endpoint& endpoint) {
  const ConnectionId id{++last_id_};
  Link& link = links_[id];
  link.peer = std::make_shared<Peer>();
  link.peer->node = node_at(endpoint);
  at(now_ + latency(), [this, id](TransportEvents& events) {
    Link* one = find(id);
    if (one == nullptr) return;
    if (one->peer->node == 0 || !cluster_.node(one->peer->node).up) {
      links_.erase(id);
      return events.on_closed(id, CloseCause::ConnectFailed, "nobody listens");
    }
    one->connected = true;
    events.on_connected(id);
  });
  return id;
}

std::size_t SimNetwork::write(ConnectionId id, std::span<const iovec> pieces) {
  Link* link = find(id);
  if (link == nullptr || !link->connected) return 0;
  std::vector<std::byte> bytes;
  for (const iovec& piece : pieces) {
    const auto* data = static_cast<const std::byte*>(piece.iov_base);
    bytes.insert(bytes.end(), data, data + piece.iov_len);
  }
  const std::size_t offered = bytes.size();
  if (random_.below(4) == 0) {  // the kernel's buffer is full
    bytes.resize(random_.below(offered));
    at(now_ + latency(), [this, id](TransportEvents& events) {
      if (find(id) != nullptr) events.on_writable(id);
    });
  }
  const std::size_t taken = bytes.size();
  const std::shared_ptr<Peer> peer = link->peer;
  peer->arrival = std::max(peer->arrival, now_ + latency());
  at(peer->arrival,
     [this, id, peer, bytes = std::move(bytes)](TransportEvents&) { receive(id, *peer, bytes); });
  return taken;
}

std::size_t SimNetwork::read(ConnectionId id, std::span<std::byte> into) {
  Link* link = find(id);
  if (link == nullptr || into.empty()) return 0;
  std::size_t size = std::min(into.size(), link->inbox.size());
  if (size > 1 && random_.below(4) == 0) size = 1 + random_.below(size);
  std::copy_n(link->inbox.begin(), size, into.begin());
  link->inbox.erase(link->inbox.begin(), link->inbox.begin() + static_cast<std::ptrdiff_t>(size));
  return size;
}

void SimNetwork::poll(MonoTime deadline, TransportEvents& events) {
  if (events_.empty() || events_.begin()->first > deadline) {
    now_ = std::max(now_, deadline);
    return;
  }
  now_ = std::max(now_, events_.begin()->first);
  while (!events_.empty() && events_.begin()->first <= now_) {
    const auto node = events_.extract(events_.begin());
    node.mapped()(events);
  }
}

void SimNetwork::receive(ConnectionId id, Peer& peer, std::span<const std::byte> bytes) {
  peer.inbox.insert(peer.inbox.end(), bytes.begin(), bytes.end());
  while (!peer.deaf && peer.inbox.size() >= kLengthBytes) {
    const auto size =
        static_cast<std::size_t>(wire::load_big_endian<std::uint32_t>(peer.inbox.data()));
    if (peer.inbox.size() < kLengthBytes + size) return;
    handle(id, peer, std::span<const std::byte>(peer.inbox).subspan(kLengthBytes, size));
    peer.inbox.erase(peer.inbox.begin(),
                     peer.inbox.begin() + static_cast<std::ptrdiff_t>(kLengthBytes + size));
  }
}

void SimNetwork::handle(ConnectionId id, Peer& peer, std::span<const std::byte> frame) {
  Parked parked;
  Node& node = *nodes_[static_cast<std::size_t>(peer.node - kFirstNodeId)];
  const Outcome outcome = node.handle_request(frame, {now_, kWallMs}, peer.login, parked);
  switch (outcome.kind) {
    case Outcome::Kind::Answer:
      deliver(id, peer, {outcome.answer.begin(), outcome.answer.end()}, outcome.send_at);
      if (!outcome.close_after) return;
      [[fallthrough]];
    case Outcome::Kind::Close:
      peer.deaf = true;
      peer.departure = std::max({peer.departure, outcome.send_at, now_});
      return hang_up(id, peer.departure, CloseCause::PeerClosed);
    case Outcome::Kind::Mute:
      peer.deaf = true;
      return;
    case Outcome::Kind::NoAnswer:
    case Outcome::Kind::Park:
      return;
  }
}

void SimNetwork::deliver(ConnectionId id, Peer& peer, std::vector<std::byte> bytes,
                         MonoTime send_at) {
  const auto cut = static_cast<std::ptrdiff_t>(random_.below(bytes.size()));
  for (auto part : {std::vector(bytes.begin(), bytes.begin() + cut),
                    std::vector(bytes.begin() + cut, bytes.end())}) {
    peer.departure = std::max({peer.departure, send_at, now_}) + latency();
    at(peer.departure, [this, id, arrived = std::move(part)](TransportEvents& events) {
      Link* link = find(id);
      if (link == nullptr) return;
      link->inbox.insert(link->inbox.end(), arrived.begin(), arrived.end());
      events.on_readable(id);
    });
  }
}

void SimNetwork::hang_up(ConnectionId id, MonoTime time, CloseCause cause) {
  at(time, [this, id, cause](TransportEvents& events) {
    if (links_.erase(id) != 0) events.on_closed(id, cause, "the simulation hung up");
  });
}

void SimNetwork::cut_one() {
  if (links_.empty()) return;
  auto link = links_.begin();
  std::advance(link, static_cast<std::ptrdiff_t>(random_.below(links_.size())));
  // Otherwise what was written still arrives, and perhaps is appended, after the client has given
  // up.
  if (random_.below(2) == 0) link->second.peer->deaf = true;
  hang_up(link->first, now_, CloseCause::Reset);
}

void SimNetwork::stop_node(std::int32_t node, bool elect) {
  cluster_.stop_node(node, elect);
  for (auto& [id, link] : links_) {
    if (link.peer->node != node) continue;
    link.peer->deaf = true;
    hang_up(id, now_, CloseCause::Reset);
  }
}

}  // namespace spillway::dev
