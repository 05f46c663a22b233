#include "testing/dev_broker/listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace spillway::dev {
namespace {

constexpr int kBacklog = 1024;

std::uint16_t local_port(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return address.ss_family == AF_INET6
             ? ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port)
             : ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

}  // namespace

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void FileDescriptor::reset() noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

std::string Listener::bind(const std::string& host, std::uint16_t port) {
  host_ = host;
  std::string failure = open_bound(port, holder_);
  if (failure.empty()) port_ = local_port(holder_.get());
  return failure;
}

std::string Listener::listen() {
  FileDescriptor fresh;
  std::string failure = open_bound(port_, fresh);
  if (!failure.empty()) return failure;
  if (::listen(fresh.get(), kBacklog) != 0) {
    return "cannot listen on " + host_ + ":" + std::to_string(port_) + ": " + std::strerror(errno);
  }
  accepting_ = std::move(fresh);
  return {};
}

std::string Listener::open_bound(std::uint16_t port, FileDescriptor& out) const {
  const std::string where = host_ + ":" + std::to_string(port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int status = ::getaddrinfo(host_.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (status != 0) return "cannot resolve " + where + ": " + ::gai_strerror(status);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, &::freeaddrinfo);
  FileDescriptor fd(
      ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, found->ai_protocol));
  if (!fd.is_open()) return std::string("cannot open a socket: ") + std::strerror(errno);
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (::bind(fd.get(), found->ai_addr, found->ai_addrlen) != 0) {
    return "cannot bind " + where + ": " + std::strerror(errno);
  }
  out = std::move(fd);
  return {};
}

}  // namespace spillway::dev
