// The arithmetic of SCRAM (RFC 5802 §3) with SHA-256 (RFC 7677) or SHA-512, for both of its ends.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "spillway/security.h"

namespace spillway {

// RFC 7677 and Kafka: fewer are too cheap to guess.
inline constexpr std::uint32_t kScramIterationsMin = 4096;
// Kafka stores at most 16384. A broker that lies can cost the I/O thread this much: 15 to 34 ms.
inline constexpr std::uint32_t kScramIterationsMax = 65'536;
inline constexpr std::size_t kScramSaltMax = 256;

struct ScramDigest {
  static constexpr std::size_t kBytesMax = 64;
  std::array<std::byte, kBytesMax> memory{};
  std::size_t size = 0;

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return std::span(memory).first(size);
  }
};

// What follows from a password, a salt and a count, and so stays while a broker keeps both: it
// costs `iterations` HMACs, and with thirty brokers nobody wants to pay that thirty times. Wiped
// when it goes.
class ScramKeys {
 public:
  ScramKeys() = default;
  ~ScramKeys() { forget(); }
  ScramKeys(const ScramKeys&) = delete;
  ScramKeys& operator=(const ScramKeys&) = delete;

  // False: the library for cryptography refused. Free if nothing has changed since the last call.
  [[nodiscard]] bool derive(SaslMechanism mechanism, std::string_view password,
                            std::span<const std::byte> salt, std::uint32_t iterations) noexcept;
  void forget() noexcept;

  // ClientKey XOR HMAC(StoredKey, auth_message): what proves the password.
  [[nodiscard]] std::optional<ScramDigest> proof(std::string_view auth_message) const noexcept;
  // HMAC(ServerKey, auth_message): what only somebody with the keys can say.
  [[nodiscard]] std::optional<ScramDigest> signature(std::string_view auth_message) const noexcept;
  // Whether the proof is that of the client.
  [[nodiscard]] bool proves(std::span<const std::byte> proof,
                            std::string_view auth_message) const noexcept;

 private:
  SaslMechanism mechanism_ = SaslMechanism::ScramSha256;
  ScramDigest client_key_;
  ScramDigest stored_key_;
  ScramDigest server_key_;
  std::array<std::byte, kScramSaltMax> salt_{};
  std::size_t salt_size_ = 0;
  std::uint32_t iterations_ = 0;  // 0: nothing is derived
};

// Constant in time for equal sizes.
[[nodiscard]] bool same_secret(std::span<const std::byte> a, std::span<const std::byte> b) noexcept;

}  // namespace spillway
