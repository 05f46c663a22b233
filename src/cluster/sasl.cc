#include "cluster/sasl.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cctype>

#include "cluster/sasl_text.h"

namespace spillway {
namespace {

constexpr std::size_t kQuoteMax = 200;  // of a broker's own words
constexpr std::size_t kRunMax = 24;     // a longer word may be a piece of a token

bool has_long_run(std::string_view words) noexcept {
  std::size_t run = 0;
  for (const char each : words) {
    const auto c = static_cast<unsigned char>(each);
    run = std::isalnum(c) != 0 || each == '.' || each == '_' || each == '-' ? run + 1 : 0;
    if (run > kRunMax) return true;
  }
  return false;
}

Error bad(const char* sentence) {
  return Error(ErrorCode::InvalidOption, sentence);
}

Result<void> check_token_options(const Sasl& sasl) {
  if (!sasl.token)
    return bad("sasl.token: OAUTHBEARER asks this callback for each token, so it is needed");
  if (!sasl.username.empty() || !sasl.password.empty())
    return bad("sasl.username, sasl.password: OAUTHBEARER uses neither, its token says who it is");
  return {};
}

Result<void> check_password_options(const Sasl& sasl) {
  if (sasl.token) return bad("sasl.token: only OAUTHBEARER uses it; choose that or leave it out");
  if (sasl.username.empty()) return bad("sasl.username: PLAIN and SCRAM need one");
  if (sasl.password.empty()) return bad("sasl.password: PLAIN and SCRAM need one");
  if (sasl.username.size() > kSaslUsernameMax) return bad("sasl.username: at most 255 bytes");
  if (sasl.password.size() > kSaslPasswordMax) return bad("sasl.password: at most 1024 bytes");
  constexpr char kNul = '\0';
  if (sasl.username.find(kNul) != std::string::npos ||
      sasl.password.find(kNul) != std::string::npos)
    return bad("sasl.username, sasl.password: no byte of them may be zero");
  return {};
}

}  // namespace

std::string_view name_of(SaslMechanism mechanism) noexcept {
  switch (mechanism) {
    case SaslMechanism::Plain:
      return "PLAIN";
    case SaslMechanism::ScramSha256:
      return "SCRAM-SHA-256";
    case SaslMechanism::ScramSha512:
      return "SCRAM-SHA-512";
    case SaslMechanism::OAuthBearer:
      return "OAUTHBEARER";
    case SaslMechanism::Gssapi:
      return "GSSAPI";
  }
  return "?";
}

Result<void> check_sasl(const Sasl& sasl) {
  switch (sasl.mechanism) {
    case SaslMechanism::OAuthBearer:
      return check_token_options(sasl);
    case SaslMechanism::Plain:
    case SaslMechanism::ScramSha256:
    case SaslMechanism::ScramSha512:
      return check_password_options(sasl);
    case SaslMechanism::Gssapi:
      return bad(
          "sasl.mechanism: GSSAPI (Kerberos) is not built in; use SCRAM, PLAIN or OAUTHBEARER");
  }
  return bad("sasl.mechanism: not a mechanism");
}

void SaslMessage::clear() noexcept {
  OPENSSL_cleanse(bytes_.data(), size_);
  size_ = 0;
  overflow_ = false;
}

SaslMessage& SaslMessage::operator<<(std::string_view text) noexcept {
  overflow_ |= text.size() > bytes_.size() - size_;
  if (overflow_) return *this;
  std::copy(text.begin(), text.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(size_));
  size_ += text.size();
  return *this;
}

SaslCredentials::SaslCredentials(const Sasl& sasl)
    : mechanism_(sasl.mechanism), username_(sasl.username), token_(sasl.token) {
  password_size_ = std::min(sasl.password.size(), password_.size());
  std::copy_n(sasl.password.begin(), password_size_, password_.begin());
}

SaslCredentials::~SaslCredentials() {
  OPENSSL_cleanse(password_.data(), password_.size());
}

OAuthToken SaslCredentials::token() const noexcept {
  try {
    return token_();
  } catch (
      ...) {  // the library throws nothing, and an application's fault must not end its process
    return {};
  }
}

std::string SaslCredentials::quote(std::string_view words) const {
  const bool repeats =
      password_size_ > 0 ? words.find(password()) != words.npos : has_long_run(words);
  return repeats ? "(its words may repeat the secret and are withheld)"
                 : printable(words, kQuoteMax);
}

void SaslExchange::forget() noexcept {
  phase_ = Phase::Idle;
  OPENSSL_cleanse(server_signature_.memory.data(), server_signature_.memory.size());
  nonce_size_ = 0;
  complaint_.clear();
}

SaslExchange::Step SaslExchange::begin(SaslCredentials& credentials, std::string_view nonce,
                                       SaslMessage& out, std::string& why) {
  forget();
  switch (credentials.mechanism()) {
    case SaslMechanism::Plain: {  // RFC 4616; nobody is acted for
      using namespace std::string_view_literals;
      out << "\0"sv << credentials.username() << "\0"sv << credentials.password();
      phase_ = Phase::Plain;
      return Step::Send;
    }
    case SaslMechanism::ScramSha256:
    case SaslMechanism::ScramSha512:
      return begin_scram(credentials, nonce, out);
    case SaslMechanism::OAuthBearer:
      return begin_oauth(credentials, out, why);
    case SaslMechanism::Gssapi:
      break;
  }
  why = "GSSAPI is not built in";
  return Step::Failed;
}

SaslExchange::Step SaslExchange::answer(SaslCredentials& credentials, std::string_view message,
                                        SaslMessage& out, std::string& why) {
  switch (phase_) {
    case Phase::Plain:
      if (message.empty()) return Step::Done;
      why = "it answers PLAIN with a question, and PLAIN has none";
      return Step::Failed;
    case Phase::ScramFirst:
      return answer_scram_first(credentials, message, out, why);
    case Phase::ScramFinal:
      return answer_scram_final(credentials, message, why);
    case Phase::Token:
      return answer_oauth(credentials, message, out);
    case Phase::TokenRefused:
      why = complaint_;
      return Step::Failed;
    case Phase::Idle:
      break;
  }
  why = "it answers what nobody asked";
  return Step::Failed;
}

}  // namespace spillway
