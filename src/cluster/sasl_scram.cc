// SCRAM (RFC 5802, RFC 7677), without channel binding, which Kafka does not have.
//
//   n,,n=user,r=NONCE                          ──►
//                                              ◄── r=NONCE+MORE,s=SALT,i=ITERATIONS
//   c=biws,r=NONCE+MORE,p=PROOF                ──►
//                                              ◄── v=SIGNATURE    (or e=error)

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "cluster/sasl.h"
#include "cluster/sasl_text.h"

namespace spillway {
namespace {

using Step = SaslExchange::Step;

constexpr std::size_t kServerMessageMax = 2048;
constexpr std::string_view kNoBinding = "c=biws,r=";  // base64 of "n,,"

// "x=value" up to the next comma; takes it off the front. False: there is no such attribute.
bool take(std::string_view& text, char name, std::string_view& value) noexcept {
  if (text.size() < 2 || text[0] != name || text[1] != '=') return false;
  const std::size_t end = std::min(text.find(','), text.size());
  value = text.substr(2, end - 2);
  text.remove_prefix(std::min(end + 1, text.size()));
  return true;
}

struct ServerFirst {
  std::string_view nonce;
  std::array<std::byte, kScramSaltMax> salt_memory;
  std::span<const std::byte> salt;
  std::uint32_t iterations = 0;
};

const char* read_iterations(std::string_view text, std::uint32_t& iterations) noexcept {
  const char* end = text.data() + text.size();
  const auto [rest, problem] = std::from_chars(text.data(), end, iterations);
  if (problem == std::errc::result_out_of_range && rest == end)
    return "it asks for more SCRAM iterations than 65536: it would only burn our time";
  if (problem != std::errc{} || rest != end) return "its count of SCRAM iterations is no number";
  if (iterations < kScramIterationsMin)
    return "it asks for fewer SCRAM iterations than 4096, which makes passwords cheap to guess";
  if (iterations > kScramIterationsMax)
    return "it asks for more SCRAM iterations than 65536: it would only burn our time";
  return nullptr;
}

// Null, or what is wrong with it.
const char* read_server_first(std::string_view text, std::string_view own_nonce,
                              ServerFirst& first) noexcept {
  std::string_view salt;
  std::string_view iterations;
  if (text.size() > kServerMessageMax) return "its SCRAM challenge is too long";
  if (text.starts_with("m=")) return "it wants a SCRAM extension that we do not know";
  if (!take(text, 'r', first.nonce) || !take(text, 's', salt) || !take(text, 'i', iterations))
    return "its SCRAM challenge is not r=...,s=...,i=...";
  if (!first.nonce.starts_with(own_nonce) || first.nonce.size() == own_nonce.size())
    return "its SCRAM nonce does not go on from ours: the challenge is not meant for us";
  if (!std::ranges::all_of(first.nonce, [](char c) { return c > ' ' && c <= '~'; }))
    return "its SCRAM nonce has characters that none may have";
  const auto size = base64_decode(salt, first.salt_memory);
  if (!size || *size == 0) return "its SCRAM salt is not base64 of 1 to 256 bytes";
  first.salt = std::span(first.salt_memory).first(*size);
  return read_iterations(iterations, first.iterations);
}

// RFC 5802 §5.1: what separates attributes must not stand in a name.
void add_name(SaslMessage& out, std::string_view name) noexcept {
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '=') {
      out << "=3D";
    } else if (name[i] == ',') {
      out << "=2C";
    } else {
      out << name.substr(i, 1);
    }
  }
}

}  // namespace

Step SaslExchange::begin_scram(const SaslCredentials& credentials, std::string_view nonce,
                               SaslMessage& out) {
  SPILL_CHECK(!nonce.empty() && nonce.size() <= nonce_.size(), "a nonce has 1 to 32 characters");
  std::ranges::copy(nonce, nonce_.begin());
  nonce_size_ = nonce.size();
  out << "n,,n=";
  add_name(out, credentials.username());
  out << ",r=" << nonce;
  phase_ = Phase::ScramFirst;
  return Step::Send;
}

Step SaslExchange::answer_scram_first(SaslCredentials& credentials, std::string_view message,
                                      SaslMessage& out, std::string& why) {
  const std::string_view nonce{nonce_.data(), nonce_size_};
  ServerFirst first;
  if (const char* wrong = read_server_first(message, nonce, first)) {
    why = wrong;
    return Step::Failed;
  }
  SaslMessage auth;  // client-first-bare , server-first , client-final-without-proof
  auth << "n=";
  add_name(auth, credentials.username());
  auth << ",r=" << nonce << "," << message << "," << kNoBinding << first.nonce;
  ScramKeys& keys = credentials.scram_keys();
  const bool derived =
      keys.derive(credentials.mechanism(), credentials.password(), first.salt, first.iterations);
  const auto proof = derived ? keys.proof(auth.text()) : std::nullopt;
  const auto signature = derived ? keys.signature(auth.text()) : std::nullopt;
  if (!proof || !signature || !auth.fits()) {
    why = "the SCRAM proof could not be computed: OpenSSL refused this hash";
    return Step::Failed;
  }
  server_signature_ = *signature;
  std::array<char, base64_size(ScramDigest::kBytesMax)> encoded;
  out << kNoBinding << first.nonce << ",p=" << base64_encode(proof->bytes(), encoded);
  phase_ = Phase::ScramFinal;
  return Step::Send;
}

Step SaslExchange::answer_scram_final(const SaslCredentials& credentials, std::string_view message,
                                      std::string& why) {
  std::string_view value;
  if (take(message, 'e', value)) {
    why = "SCRAM was refused: " + credentials.quote(value);
    return Step::Failed;
  }
  std::array<std::byte, ScramDigest::kBytesMax> signature;
  const auto size =
      take(message, 'v', value) ? base64_decode(value, signature) : std::optional<std::size_t>{};
  if (!size || !same_secret(std::span(signature).first(*size), server_signature_.bytes())) {
    why = "it did not prove that it knows this user: it may not be the broker it claims to be";
    return Step::Failed;
  }
  return Step::Done;
}

}  // namespace spillway
