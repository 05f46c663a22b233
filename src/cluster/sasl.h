// The client's side of SASL as messages, without carrying them: what to say first, and what to say
// to each answer. engine_sasl.cc carries them.
//
//   begin ──► message ──► broker ──► its message ──► answer ──► the next message, Done or Failed
//
// I/O thread only. Secrets live in SaslCredentials and, while it is sent, in a SaslMessage; both
// are wiped when they go, and neither ever reaches a sentence.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/units.h"
#include "cluster/scram.h"
#include "spillway/error.h"
#include "spillway/security.h"

namespace spillway {

// "SCRAM-SHA-256": as IANA and Kafka write it.
[[nodiscard]] std::string_view name_of(SaslMechanism mechanism) noexcept;
// What can be known before a broker is asked. The sentence names the option.
[[nodiscard]] Result<void> check_sasl(const Sasl& sasl);

inline constexpr std::size_t kSaslUsernameMax = 255;
inline constexpr std::size_t kSaslPasswordMax = 1024;

// One message to the broker. Wiped when it goes.
class SaslMessage {
 public:
  static constexpr std::size_t kBytesMax = 7 * kKiB;  // with its header it fits a send buffer

  SaslMessage() noexcept {}  // the bytes stay uninitialised until they are written
  ~SaslMessage() { clear(); }
  SaslMessage(const SaslMessage&) = delete;
  SaslMessage& operator=(const SaslMessage&) = delete;

  void clear() noexcept;
  SaslMessage& operator<<(std::string_view text) noexcept;
  // What did not fit is missing.
  [[nodiscard]] bool fits() const noexcept { return !overflow_; }
  [[nodiscard]] std::string_view text() const noexcept { return {bytes_.data(), size_}; }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return std::as_bytes(std::span(bytes_).first(size_));
  }

 private:
  std::array<char, kBytesMax> bytes_;
  std::size_t size_ = 0;
  bool overflow_ = false;
};

// Of one producer, for all of its connections. Wiped when it goes.
class SaslCredentials {
 public:
  // check_sasl has passed.
  explicit SaslCredentials(const Sasl& sasl);
  ~SaslCredentials();
  SaslCredentials(const SaslCredentials&) = delete;
  SaslCredentials& operator=(const SaslCredentials&) = delete;

  [[nodiscard]] SaslMechanism mechanism() const noexcept { return mechanism_; }
  [[nodiscard]] std::string_view username() const noexcept { return username_; }
  [[nodiscard]] std::string_view password() const noexcept {
    return {password_.data(), password_size_};
  }
  // The application's callback; one that throws has no token.
  [[nodiscard]] OAuthToken token() const noexcept;
  [[nodiscard]] ScramKeys& scram_keys() noexcept { return scram_keys_; }
  // A broker's words, bounded and printable; not one of them if they seem to repeat the secret.
  [[nodiscard]] std::string quote(std::string_view words) const;

 private:
  SaslMechanism mechanism_;
  std::string username_;
  std::array<char, kSaslPasswordMax> password_{};  // not a string: those leave copies behind
  std::size_t password_size_ = 0;
  std::function<OAuthToken()> token_;
  ScramKeys scram_keys_;
};

// One authentication of one connection.
class SaslExchange {
 public:
  enum class Step : std::uint8_t { Send, Done, Failed };
  static constexpr std::size_t kNonceMax = 32;

  SaslExchange() = default;
  ~SaslExchange() { forget(); }
  SaslExchange(const SaslExchange&) = delete;
  SaslExchange& operator=(const SaslExchange&) = delete;

  // Send: `out` goes to the broker. Failed: `why` is a sentence. The nonce is fresh, printable, at
  // most kNonceMax characters, and has no comma.
  [[nodiscard]] Step begin(SaslCredentials& credentials, std::string_view nonce, SaslMessage& out,
                           std::string& why);
  // To a message of the broker, whatever it is. Send, Failed: as above. Done: both sides are
  // content.
  [[nodiscard]] Step answer(SaslCredentials& credentials, std::string_view message,
                            SaslMessage& out, std::string& why);
  // What the broker has said about a refusal that it is about to pronounce. Empty: nothing.
  [[nodiscard]] const std::string& complaint() const noexcept { return complaint_; }
  void forget() noexcept;

 private:
  enum class Phase : std::uint8_t { Idle, Plain, ScramFirst, ScramFinal, Token, TokenRefused };

  // sasl_scram.cc
  Step begin_scram(const SaslCredentials& credentials, std::string_view nonce, SaslMessage& out);
  Step answer_scram_first(SaslCredentials& credentials, std::string_view message, SaslMessage& out,
                          std::string& why);
  Step answer_scram_final(const SaslCredentials& credentials, std::string_view message,
                          std::string& why);
  // sasl_oauth.cc
  Step begin_oauth(const SaslCredentials& credentials, SaslMessage& out, std::string& why);
  Step answer_oauth(const SaslCredentials& credentials, std::string_view message, SaslMessage& out);

  Phase phase_ = Phase::Idle;
  std::array<char, kNonceMax> nonce_{};
  std::size_t nonce_size_ = 0;
  ScramDigest server_signature_;  // what the broker has to say
  std::string complaint_;
};

}  // namespace spillway
