// Login: who is on the other side of a connection, as SASL finds it out, and what it may ask
// before.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "cluster/scram.h"
#include "spillway/security.h"
#include "wire/api.h"
#include "wire/errors.h"

namespace spillway::dev {

using KafkaError = wire::ErrorCode;

// Nobody has to log in unless somebody can.
struct SaslSettings {
  std::map<std::string, std::string> passwords = {};  // by user: PLAIN, SCRAM-SHA-256 and -512
  std::set<std::string> tokens = {};                  // OAUTHBEARER: these and no other
  std::chrono::milliseconds session{0};               // 0: a login lasts as long as its connection
};

// The cluster's knowledge of its users. Not thread-safe, as the cluster.
class LoginDesk {
 public:
  explicit LoginDesk(SaslSettings settings) : settings_(std::move(settings)) {}

  [[nodiscard]] bool asks() const noexcept {
    return !settings_.passwords.empty() || !settings_.tokens.empty();
  }
  [[nodiscard]] const SaslSettings& settings() const noexcept { return settings_; }
  [[nodiscard]] const std::vector<SaslMechanism>& mechanisms() const noexcept;
  // Derived at first use. Null: there is no such user.
  [[nodiscard]] const ScramKeys* keys(SaslMechanism mechanism, const std::string& user);
  [[nodiscard]] static std::span<const std::byte> salt() noexcept;
  [[nodiscard]] std::uint64_t next_nonce() noexcept { return ++nonces_; }

 private:
  SaslSettings settings_;
  std::map<std::pair<SaslMechanism, std::string>, std::unique_ptr<ScramKeys>> keys_;
  std::uint64_t nonces_ = 0;
};

// Of one connection.
class Login {
 public:
  // Whether this request may be answered now. Kafka hangs up on any other.
  [[nodiscard]] bool allows(wire::ApiKey api, const LoginDesk& desk, MonoTime now) const noexcept;
  // SaslHandshake.
  KafkaError choose(std::string_view mechanism, const LoginDesk& desk, MonoTime now);
  // SaslAuthenticate. No value: the login has failed, and message() says why.
  std::optional<std::string> take(std::string_view said, LoginDesk& desk, MonoTime now);
  [[nodiscard]] const std::string& message() const noexcept { return message_; }
  [[nodiscard]] bool is_in() const noexcept { return phase_ == Phase::In; }

 private:
  enum class Phase : std::uint8_t { Out, First, Final, Refused, In };
  static constexpr auto kAgainMin = std::chrono::seconds(1);  // as Kafka has it

  std::optional<std::string> take_plain(std::string_view said, LoginDesk& desk, MonoTime now);
  std::optional<std::string> take_scram_first(std::string_view said, LoginDesk& desk);
  std::optional<std::string> take_scram_final(std::string_view said, LoginDesk& desk, MonoTime now);
  std::optional<std::string> take_token(std::string_view said, LoginDesk& desk, MonoTime now);
  std::optional<std::string> enter(std::string answer, const LoginDesk& desk, MonoTime now);
  std::optional<std::string> refuse(std::string message);

  Phase phase_ = Phase::Out;
  SaslMechanism mechanism_{};
  std::string user_;       // being checked
  std::string principal_;  // logged in before; re-authentication must not change it
  std::string nonce_;
  std::string auth_message_;  // of SCRAM, without its last part
  std::string message_;
  MonoTime since_{};
  MonoTime ends_ = kNever;
};

}  // namespace spillway::dev
