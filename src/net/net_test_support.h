// Plain blocking peers for the tests of this room, and a recorder of events. Loopback only, port 0.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "net/epoll_transport.h"

namespace spillway {

using namespace std::chrono_literals;

class Socket {
 public:
  explicit Socket(int fd = -1) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket() { close(); }

  [[nodiscard]] int fd() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  // Ends with RST instead of FIN.
  void reset() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }
  void send(const std::string& bytes) const {
    ASSERT_EQ(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  [[nodiscard]] std::string receive(std::size_t bytes) const {
    std::string into(bytes, '\0');
    const ssize_t got = ::recv(fd_, into.data(), bytes, MSG_WAITALL);
    into.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return into;
  }

 private:
  int fd_;
};

class Listener {
 public:
  explicit Listener(const char* host = "127.0.0.1", std::uint16_t port = 0, int backlog = 64)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    ::inet_pton(AF_INET, host, &address.sin_addr);
    EXPECT_EQ(::bind(socket_.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(socket_.fd(), backlog), 0);
    socklen_t size = sizeof address;
    ::getsockname(socket_.fd(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] Socket accept() const { return Socket(::accept(socket_.fd(), nullptr, nullptr)); }

 private:
  Socket socket_;
  std::uint16_t port_ = 0;
};

// A listener whose queue is full: the kernel drops every further SYN, so a connect hangs.
class BlackHole {
 public:
  explicit BlackHole(const char* host, std::uint16_t port = 0) : listener_(host, port, 0) {
    for (Socket& filler : fillers_) {
      filler = Socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(listener_.port());
      ::inet_pton(AF_INET, host, &address.sin_addr);
      ::connect(filler.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    }
  }
  [[nodiscard]] std::uint16_t port() const { return listener_.port(); }

 private:
  Listener listener_;
  std::array<Socket, 3> fillers_;
};

// A port that was free a moment ago.
inline std::uint16_t closed_port() {
  return Listener().port();
}

class Recorder : public TransportEvents {
 public:
  explicit Recorder(Transport& transport) : transport_(transport) {}

  void on_connected(ConnectionId id) override { note("connected", id, connected_hook); }
  void on_readable(ConnectionId id) override {
    note("readable", id, readable_hook);
    std::array<std::byte, 4096> bytes;
    for (std::size_t got; read_all && (got = transport_.read(id, bytes)) != 0;) {
      received.append(reinterpret_cast<const char*>(bytes.data()), got);
    }
  }
  void on_writable(ConnectionId id) override { note("writable", id, writable_hook); }
  void on_closed(ConnectionId id, CloseCause why, const char* detail) override {
    cause = why;
    sentence = detail;
    note("closed", id, closed_hook);
  }

  // Polls until `what` comes, and is the last that came, or five seconds are over.
  bool poll_until(const std::string& what) {
    const std::size_t before = log.size();
    return poll_until([&] { return log.size() > before && log.back() == what; });
  }
  bool poll_until(const std::function<bool()>& done) {
    const MonoTime deadline = mono_now() + 5s;
    while (!done() && mono_now() < deadline) transport_.poll(deadline, *this);
    return done();
  }
  [[nodiscard]] std::size_t count(const std::string& what) const {
    std::size_t times = 0;
    for (const std::string& entry : log) times += entry == what ? 1 : 0;
    return times;
  }

  std::vector<std::string> log;
  std::vector<ConnectionId> ids;  // of each entry of the log
  std::string received;
  CloseCause cause{};
  std::string sentence;
  bool read_all = true;
  std::function<void(ConnectionId)> connected_hook, readable_hook, writable_hook, closed_hook;

 private:
  void note(const char* what, ConnectionId id, const std::function<void(ConnectionId)>& hook) {
    log.emplace_back(what);
    ids.push_back(id);
    if (hook) hook(id);
  }
  Transport& transport_;
};

inline iovec piece_of(const std::string& bytes) {
  return {const_cast<char*>(bytes.data()), bytes.size()};
}

}  // namespace spillway
