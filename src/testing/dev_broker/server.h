// Server: the nodes on real TCP ports. One thread and one epoll set for all of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "testing/dev_broker/connection.h"
#include "testing/dev_broker/listener.h"
#include "testing/dev_broker/node.h"

namespace spillway::dev {

struct ServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  // of the first node, the others follow; 0: each gets a free one
  std::size_t frame_bytes_max = std::size_t{16} << 20;
  DevTls tls = {};
};

// Every access to the cluster while the server runs goes through lock(). All calls from any thread,
// never from two at once for stop().
class Server {
 public:
  // Beyond this many a new connection is closed at once.
  static constexpr std::size_t kConnectionsMax = 1024;

  Server(DevCluster& cluster, Faults& faults, const VersionCaps& caps, ServerOptions options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Binds every node, writes the addresses into the cluster, starts the thread. A sentence on
  // failure, else empty.
  [[nodiscard]] std::string start();
  // Closes everything and joins the thread. Again: no effect.
  void stop();

  [[nodiscard]] std::unique_lock<std::mutex> lock() { return std::unique_lock(mutex_); }
  // Under lock(): opens or closes the node's port and, when closing, its connections.
  void open_node(std::int32_t id);
  void close_node(std::int32_t id);
  // Under lock(): parked requests look at the cluster again.
  void nudge();

 private:
  void run();
  void handle_event(std::uint64_t token, std::uint32_t events, Now now);
  void accept_from(std::int32_t node_id);
  void settle_all(Now now);
  void update_interest(std::uint64_t id, const Connection& connection);
  void watch(int fd, std::uint64_t token, std::uint32_t events, int operation) const;
  [[nodiscard]] Listener& listener(std::int32_t node_id);
  [[nodiscard]] int wait_ms(MonoTime now) const;

  struct Client {
    Connection connection;
    std::uint32_t interest;
  };

  DevCluster& cluster_;
  ServerOptions options_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<Listener> listeners_;
  TlsListenerContext tls_;
  FileDescriptor epoll_;
  FileDescriptor wake_;
  std::thread thread_;

  std::mutex mutex_;  // guards the cluster and everything below
  std::map<std::uint64_t, Client> clients_;
  std::uint64_t next_client_;
  std::uint64_t seen_appends_ = 0;
  MonoTime wake_at_ = kNever;
  bool nudged_ = false;
  bool stopping_ = false;
};

}  // namespace spillway::dev
