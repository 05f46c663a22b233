// A numeric IPv4 or IPv6 address with its port, by value.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <optional>
#include <span>

namespace spillway {

class Address {
 public:
  Address() noexcept = default;

  // Nothing for a family other than IPv4 and IPv6. The port replaces the one in `from`.
  [[nodiscard]] static std::optional<Address> from(const sockaddr& from,
                                                   std::uint16_t port) noexcept;
  // "127.0.0.1", "::1", "fe80::1%eth0"; nothing for a name. Asks nobody, but allocates for a
  // moment.
  [[nodiscard]] static std::optional<Address> parse(const char* text, std::uint16_t port) noexcept;

  [[nodiscard]] const sockaddr* get() const noexcept {
    return reinterpret_cast<const sockaddr*>(&storage_);
  }
  [[nodiscard]] socklen_t size() const noexcept {
    return family() == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  }
  [[nodiscard]] int family() const noexcept { return storage_.sin6_family; }

  // "127.0.0.1:9092" or "[::1]:9092", cut to fit and always terminated.
  void print(std::span<char> into) const noexcept;

 private:
  sockaddr_in6 storage_{};  // the larger of the two families
};

static_assert(sizeof(sockaddr_in6) >= sizeof(sockaddr_in), "storage_ holds either family");

// What a resolver returns beyond this many addresses is not tried.
inline constexpr std::size_t kAddressesMax = 16;

}  // namespace spillway
