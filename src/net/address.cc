#include "net/address.h"

#include <arpa/inet.h>
#include <netdb.h>

#include <cstdio>
#include <cstring>

namespace spillway {

std::optional<Address> Address::from(const sockaddr& from, std::uint16_t port) noexcept {
  Address address;
  if (from.sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &from, sizeof v4);
    v4.sin_port = htons(port);
    std::memcpy(&address.storage_, &v4, sizeof v4);
    return address;
  }
  if (from.sa_family != AF_INET6) return std::nullopt;
  std::memcpy(&address.storage_, &from, sizeof address.storage_);
  address.storage_.sin6_port = htons(port);
  return address;
}

std::optional<Address> Address::parse(const char* text, std::uint16_t port) noexcept {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST;  // never opens a file or a socket
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(text, nullptr, &hints, &found) != 0) return std::nullopt;
  const std::optional<Address> address = from(*found->ai_addr, port);
  ::freeaddrinfo(found);
  return address;
}

void Address::print(std::span<char> into) const noexcept {
  char text[INET6_ADDRSTRLEN] = "?";
  if (family() == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &storage_, sizeof v4);
    ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    std::snprintf(into.data(), into.size(), "%s:%u", text, unsigned{ntohs(v4.sin_port)});
    return;
  }
  ::inet_ntop(AF_INET6, &storage_.sin6_addr, text, sizeof text);
  std::snprintf(into.data(), into.size(), "[%s]:%u", text, unsigned{ntohs(storage_.sin6_port)});
}

}  // namespace spillway
