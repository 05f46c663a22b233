#include "testing/dev_broker/login.h"

#include <algorithm>
#include <array>

#include "cluster/sasl.h"
#include "cluster/sasl_text.h"

namespace spillway::dev {
namespace {

constexpr std::string_view kSalt = "spillway-dev-salt!";  // a toy's: everybody has the same
constexpr std::string_view kSeparator = "\x01";

std::string bad_credentials(SaslMechanism mechanism) {
  return "Authentication failed during authentication due to invalid credentials with SASL "
         "mechanism " +
         std::string(name_of(mechanism));
}

// RFC 5802 §5.1, backwards.
std::string unescaped(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    const bool comma = name.starts_with("=2C");
    out += comma ? ',' : name.starts_with("=3D") ? '=' : name[0];
    name.remove_prefix(name[0] == '=' && name.size() >= 3 ? 3 : 1);
  }
  return out;
}

// What follows `before` up to `after`; takes both off the front. None: it is not so.
std::optional<std::string_view> between(std::string_view& text, std::string_view before,
                                        std::string_view after) {
  if (!text.starts_with(before)) return std::nullopt;
  const std::size_t end = after.empty() ? text.size() : text.find(after, before.size());
  if (end == text.npos) return std::nullopt;
  const std::string_view found = text.substr(before.size(), end - before.size());
  text.remove_prefix(end + after.size());
  return found;
}

std::string encoded(std::span<const std::byte> bytes) {
  std::string text(base64_size(bytes.size()), '\0');
  base64_encode(bytes, text);
  return text;
}

}  // namespace

const std::vector<SaslMechanism>& LoginDesk::mechanisms() const noexcept {
  using enum SaslMechanism;
  static const std::vector<SaslMechanism> none;
  static const std::vector<SaslMechanism> by_password{Plain, ScramSha256, ScramSha512};
  static const std::vector<SaslMechanism> by_token{OAuthBearer};
  static const std::vector<SaslMechanism> all{Plain, ScramSha256, ScramSha512, OAuthBearer};
  if (settings_.passwords.empty()) return settings_.tokens.empty() ? none : by_token;
  return settings_.tokens.empty() ? by_password : all;
}

std::span<const std::byte> LoginDesk::salt() noexcept {
  return std::as_bytes(std::span(kSalt));
}

const ScramKeys* LoginDesk::keys(SaslMechanism mechanism, const std::string& user) {
  const auto found = settings_.passwords.find(user);
  if (found == settings_.passwords.end()) return nullptr;
  auto& keys = keys_[{mechanism, user}];
  if (keys == nullptr) {
    keys = std::make_unique<ScramKeys>();
    if (!keys->derive(mechanism, found->second, salt(), kScramIterationsMin)) return nullptr;
  }
  return keys.get();
}

bool Login::allows(wire::ApiKey api, const LoginDesk& desk, MonoTime now) const noexcept {
  using wire::ApiKey;
  if (!desk.asks() || api == ApiKey::kSaslHandshake) return true;
  switch (phase_) {
    case Phase::Out:
      return api == ApiKey::kApiVersions;
    case Phase::First:
    case Phase::Final:
    case Phase::Refused:
      return api == ApiKey::kSaslAuthenticate;
    case Phase::In:
      return api != ApiKey::kSaslAuthenticate && now < ends_;
  }
  return false;
}

KafkaError Login::choose(std::string_view mechanism, const LoginDesk& desk, MonoTime now) {
  const bool begun = phase_ != Phase::Out && phase_ != Phase::In;
  const bool may_again = desk.settings().session.count() > 0 && now >= since_ + kAgainMin;
  if (!desk.asks() || begun || (phase_ == Phase::In && !may_again))
    return KafkaError::kIllegalSaslState;
  for (const SaslMechanism each : desk.mechanisms()) {
    if (name_of(each) != mechanism) continue;
    mechanism_ = each;
    phase_ = Phase::First;
    return KafkaError::kNone;
  }
  return KafkaError::kUnsupportedSaslMechanism;
}

std::optional<std::string> Login::take(std::string_view said, LoginDesk& desk, MonoTime now) {
  if (phase_ == Phase::Refused) return refuse(message_);
  if (phase_ == Phase::Final) return take_scram_final(said, desk, now);
  if (phase_ != Phase::First) return refuse("SaslHandshake comes first");
  switch (mechanism_) {
    case SaslMechanism::Plain:
      return take_plain(said, desk, now);
    case SaslMechanism::OAuthBearer:
      return take_token(said, desk, now);
    default:
      return take_scram_first(said, desk);
  }
}

std::optional<std::string> Login::take_plain(std::string_view said, LoginDesk& desk, MonoTime now) {
  using namespace std::string_view_literals;
  const auto acts_for = between(said, ""sv, "\0"sv);
  const auto user = between(said, ""sv, "\0"sv);
  if (!acts_for || !user) return refuse(bad_credentials(mechanism_));
  user_ = *user;
  const auto found = desk.settings().passwords.find(user_);
  if (found == desk.settings().passwords.end() || found->second != said)
    return refuse(bad_credentials(mechanism_));
  return enter({}, desk, now);
}

std::optional<std::string> Login::take_scram_first(std::string_view said, LoginDesk& desk) {
  if (!said.starts_with("n,,")) return refuse("SCRAM with a binding or for another user");
  said.remove_prefix(3);
  const std::string bare(said);
  const auto name = between(said, "n=", ",");
  const auto nonce = between(said, "r=", {});
  if (!name || !nonce || nonce->empty()) return refuse("SCRAM's first message is malformed");
  user_ = unescaped(*name);
  if (desk.keys(mechanism_, user_) == nullptr) return refuse(bad_credentials(mechanism_));
  nonce_ = std::string(*nonce) + "dev" + std::to_string(desk.next_nonce());
  std::string answer = "r=" + nonce_ + ",s=" + encoded(LoginDesk::salt()) +
                       ",i=" + std::to_string(kScramIterationsMin);
  auth_message_ = bare + "," + answer + ",";
  phase_ = Phase::Final;
  return answer;
}

std::optional<std::string> Login::take_scram_final(std::string_view said, LoginDesk& desk,
                                                   MonoTime now) {
  auth_message_ += said.substr(0, said.rfind(",p="));
  const auto binding = between(said, "c=", ",");
  const auto nonce = between(said, "r=", ",");
  const auto proof = between(said, "p=", {});
  std::array<std::byte, ScramDigest::kBytesMax> bytes;
  const auto size = proof ? base64_decode(*proof, bytes) : std::nullopt;
  const ScramKeys* keys = desk.keys(mechanism_, user_);
  // As Kafka, which lives with clients that put their own nonce in front twice (librdkafka 2.0).
  if (binding != "biws" || !nonce || !nonce->ends_with(nonce_) || !size ||
      !keys->proves(std::span(bytes).first(*size), auth_message_))
    return refuse(bad_credentials(mechanism_));
  const auto signature = keys->signature(auth_message_);
  return signature ? enter("v=" + encoded(signature->bytes()), desk, now) : refuse("no signature");
}

std::optional<std::string> Login::take_token(std::string_view said, LoginDesk& desk, MonoTime now) {
  const auto token = between(said,
                             "n,,\x01"
                             "auth=Bearer ",
                             kSeparator);
  if (token && desk.settings().tokens.contains(std::string(*token))) {
    user_ = "bearer";
    return enter({}, desk, now);
  }
  message_ = R"({"status":"invalid_token"})";
  phase_ = Phase::Refused;
  return message_;
}

std::optional<std::string> Login::enter(std::string answer, const LoginDesk& desk, MonoTime now) {
  if (!principal_.empty() && principal_ != user_)
    return refuse("Cannot change principals during re-authentication");
  principal_ = user_;
  phase_ = Phase::In;
  since_ = now;
  const auto session = desk.settings().session;
  ends_ = session.count() > 0 ? now + session : kNever;
  return answer;
}

std::optional<std::string> Login::refuse(std::string message) {
  message_ = std::move(message);
  phase_ = Phase::Refused;
  return std::nullopt;
}

}  // namespace spillway::dev
