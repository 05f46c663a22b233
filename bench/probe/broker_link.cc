#include "probe/broker_link.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "harness/process.h"

namespace spillway::bench {
namespace {

[[noreturn]] void fail(const std::string& sentence) {
  std::fprintf(stderr, "probe: %s\n", sentence.c_str());
  std::exit(1);
}

int connected(const std::string& bootstrap) {
  const std::size_t colon = bootstrap.rfind(':');
  if (colon == std::string::npos) fail("--bootstrap is HOST:PORT");
  addrinfo wish{};
  wish.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(bootstrap.substr(0, colon).c_str(), bootstrap.substr(colon + 1).c_str(), &wish,
                    &found) != 0) {
    fail("no address for " + bootstrap);
  }
  const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || ::connect(fd, found->ai_addr, found->ai_addrlen) != 0)
    fail("no broker at " + bootstrap);
  ::freeaddrinfo(found);
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

void read_all(int fd, char* into, std::size_t size) {
  while (size > 0) {
    const ssize_t got = ::read(fd, into, size);
    if (got <= 0) fail("the broker closed the connection");
    into += got;
    size -= static_cast<std::size_t>(got);
  }
}

}  // namespace

BrokerLink::BrokerLink(const std::string& bootstrap) : socket_(connected(bootstrap)) {}
BrokerLink::~BrokerLink() {
  ::close(socket_);
}

ProducerIdentity BrokerLink::init_producer_id() {
  // size, key 22, version 1, correlation, null client id | null transactional id, timeout
  char request[4 + 2 + 2 + 4 + 2 + 2 + 4];
  put<std::int32_t>(request, sizeof request - 4);
  put<std::int16_t>(request + 4, 22);
  put<std::int16_t>(request + 6, 1);
  put<std::int32_t>(request + 8, 0);
  put<std::int16_t>(request + 12, -1);
  put<std::int16_t>(request + 14, -1);
  put<std::int32_t>(request + 16, 60'000);
  // A broker that has just started may not have its coordinator yet: codes 14, 15 and 16.
  for (int attempt = 0; attempt < 50; ++attempt) {
    write(request);
    const auto answer = response();  // correlation, throttle, error, id, epoch
    const auto error = get<std::int16_t>(answer.data() + 8);
    if (error == 0)
      return {get<std::int64_t>(answer.data() + 10), get<std::int16_t>(answer.data() + 18)};
    if (error < 14 || error > 16) fail("InitProducerId answered error " + std::to_string(error));
    sleep_until_ns(mono_ns() + 100'000'000);
  }
  fail("InitProducerId is not available");
}

void BrokerLink::write(std::span<const char> bytes) {
  while (!bytes.empty()) {
    const ssize_t taken = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (taken <= 0) fail("the broker closed the connection");
    bytes = bytes.subspan(static_cast<std::size_t>(taken));
  }
}

bool BrokerLink::readable_by(std::uint64_t mono) const {
  const std::uint64_t now = mono_ns();
  const std::uint64_t wait = mono > now ? mono - now : 0;
  timespec timeout{};
  timeout.tv_sec = static_cast<std::time_t>(wait / 1'000'000'000);
  timeout.tv_nsec = static_cast<long>(wait % 1'000'000'000);
  pollfd one{socket_, POLLIN, 0};
  return ::ppoll(&one, 1, &timeout, nullptr) > 0;
}

std::span<const char> BrokerLink::response() {
  char size[4];
  read_all(socket_, size, sizeof size);
  const auto length = static_cast<std::size_t>(get<std::int32_t>(size));
  if (length < 8 || length > kResponseMax)
    fail("the broker sent a frame of " + std::to_string(length) + " bytes");
  read_all(socket_, response_, length);
  return {response_, length};
}

}  // namespace spillway::bench
