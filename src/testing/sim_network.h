// SimNetwork: the engine's Transport over simulated brokers. No socket, no thread, no clock: time
// is a number, and one seed gives one run.
//
//   engine --write--> [bytes in flight] --> Peer --frames--> dev::Node --> DevCluster
//          <--read--- [bytes in flight] <-- answers
//
// Bytes are taken in random pieces, delayed, and cut. After a cut what was on its way to the broker
// may still arrive there: the zombie that idempotence is for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/random.h"
#include "net/transport.h"
#include "testing/dev_broker/node.h"

namespace spillway::dev {

// One thread. Keeps references to the cluster and the faults. Nodes are reached as "node<id>".
class SimNetwork final : public Transport {
 public:
  SimNetwork(DevCluster& cluster, Faults& faults, const VersionCaps& caps, std::uint64_t seed);

  // Writes the addresses into the cluster and returns all of them.
  std::vector<Endpoint> bootstrap();

  ConnectionId connect(const Endpoint& endpoint) override;
  std::size_t write(ConnectionId id, std::span<const iovec> pieces) override;
  std::size_t read(ConnectionId id, std::span<std::byte> into) override;
  void close(ConnectionId id) override { links_.erase(id); }
  // Jumps to the next event, or to the deadline if that comes first, and delivers what is due.
  void poll(MonoTime deadline, TransportEvents& events) override;
  void wake() noexcept override {}
  [[nodiscard]] MonoTime now() noexcept override { return now_; }

  // Faults of the network. Their events come from the next poll.
  void cut_one();
  void stop_node(std::int32_t node, bool elect);
  void start_node(std::int32_t node) { cluster_.start_node(node); }

 private:
  struct Peer {  // the broker's end of a connection
    std::int32_t node = 0;
    Login login;
    std::vector<std::byte> inbox;
    MonoTime arrival{};    // of the last bytes on their way to the broker
    MonoTime departure{};  // of the last answer on its way to the client
    bool deaf = false;
  };
  struct Link {  // the client's end
    std::shared_ptr<Peer> peer;
    std::vector<std::byte> inbox;
    bool connected = false;
  };
  using Event = std::function<void(TransportEvents&)>;

  [[nodiscard]] Link* find(ConnectionId id);
  [[nodiscard]] std::int32_t node_at(const Endpoint& endpoint);
  [[nodiscard]] MonoDuration latency();
  void at(MonoTime time, Event event) { events_.emplace(time, std::move(event)); }
  void receive(ConnectionId id, Peer& peer, std::span<const std::byte> bytes);
  void handle(ConnectionId id, Peer& peer, std::span<const std::byte> frame);
  void deliver(ConnectionId id, Peer& peer, std::vector<std::byte> bytes, MonoTime send_at);
  void hang_up(ConnectionId id, MonoTime time, CloseCause cause);

  DevCluster& cluster_;
  std::vector<std::unique_ptr<Node>> nodes_;
  Random random_;
  MonoTime now_;
  std::uint64_t last_id_ = 0;
  std::map<ConnectionId, Link> links_;
  std::multimap<MonoTime, Event> events_;  // of equal times, in the order of their making
};

}  // namespace spillway::dev
