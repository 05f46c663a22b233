// OAUTHBEARER (RFC 7628, KIP-255) with extensions (KIP-342).
//
//   n,, ^A auth=Bearer TOKEN ^A key=value ^A ^A    ──►
//                                                  ◄── (empty: content) or
//                                                  {"status":"invalid_token",…}
//   ^A                                             ──►  and the broker pronounces its refusal

#include <algorithm>
#include <cctype>

#include "cluster/sasl.h"
#include "cluster/sasl_text.h"

namespace spillway {
namespace {

using Step = SaslExchange::Step;

constexpr std::string_view kSeparator = "\x01";

bool all(std::string_view text, bool (*allowed)(unsigned char)) {
  return std::ranges::all_of(text, [=](char c) { return allowed(static_cast<unsigned char>(c)); });
}

// RFC 6750 §2.1: b64token, and what unsecured tokens of tests consist of.
bool is_token(std::string_view text) {
  return all(text, [](unsigned char c) { return c > ' ' && c <= '~' && c != ',' && c != '"'; });
}

// RFC 7628 §3.1; "auth" is the token's own.
bool is_extension(const std::pair<std::string, std::string>& extension) {
  const auto& [key, value] = extension;
  return !key.empty() && key != "auth" &&
         all(key, [](unsigned char c) { return std::isalpha(c) != 0 && c < 0x80; }) &&
         all(value, [](unsigned char c) {
           return (c >= ' ' && c <= '~') || c == '\t' || c == '\r' || c == '\n';
         });
}

const char* fault_of(const OAuthToken& token) {
  if (token.value.empty()) return "the token callback has none at hand";
  if (!is_token(token.value)) return "the token callback gave characters that no token has";
  if (!std::ranges::all_of(token.extensions, is_extension))
    return "the token callback gave an extension with a name or value that RFC 7628 forbids";
  return nullptr;
}

// The value of "status" in the broker's JSON, or empty.
std::string_view status_of(std::string_view json) {
  constexpr std::string_view kKey = "\"status\"";
  const auto skip = [&json](std::string_view what) {
    json.remove_prefix(std::min(json.find_first_not_of(what), json.size()));
  };
  const std::size_t at = json.find(kKey);
  if (at == json.npos) return {};
  json.remove_prefix(at + kKey.size());
  skip(" \t\r\n:");
  if (!json.starts_with('"')) return {};
  json.remove_prefix(1);
  return json.substr(0, json.find('"'));
}

void wipe_token(OAuthToken& token) noexcept {
  wipe(token.value);
  for (auto& [key, value] : token.extensions) wipe(value);
}

}  // namespace

Step SaslExchange::begin_oauth(const SaslCredentials& credentials, SaslMessage& out,
                               std::string& why) {
  OAuthToken token = credentials.token();
  const char* fault = fault_of(token);
  if (fault == nullptr) {
    out << "n,," << kSeparator << "auth=Bearer " << token.value << kSeparator;
    for (const auto& [key, value] : token.extensions) out << key << "=" << value << kSeparator;
    out << kSeparator;
    if (!out.fits()) fault = "the token and its extensions have more than 7 KiB";
  }
  wipe_token(token);
  if (fault != nullptr) {
    why = fault;
    return Step::Failed;
  }
  phase_ = Phase::Token;
  return Step::Send;
}

Step SaslExchange::answer_oauth(const SaslCredentials& credentials, std::string_view message,
                                SaslMessage& out) {
  if (message.empty()) return Step::Done;
  const std::string_view status = status_of(message);
  complaint_ = "it refuses the token";
  if (!status.empty()) complaint_ += " with status " + credentials.quote(status);
  out << kSeparator;
  phase_ = Phase::TokenRefused;
  return Step::Send;
}

}  // namespace spillway
