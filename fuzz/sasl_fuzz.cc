// Any messages of a broker to any SASL mechanism. The first byte chooses the mechanism; then come
// messages, each behind a byte that holds its length.
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/check.h"
#include "cluster/sasl.h"
#include "cluster/sasl_text.h"

namespace spillway {
namespace {

using Step = SaslExchange::Step;

constexpr std::string_view kSecret = "correct-horse-battery-staple-and-more";
constexpr std::string_view kNonce = "fuzz";
constexpr std::size_t kSentenceMax = 400;
constexpr int kMessagesMax = 8;

Sasl sasl_of(std::uint8_t choice) {
  switch (choice % 4) {
    case 0:
      return {SaslMechanism::Plain, "ann", std::string(kSecret), nullptr};
    case 1:
      return {SaslMechanism::ScramSha256, "a=n,n", std::string(kSecret), nullptr};
    case 2:
      return {SaslMechanism::ScramSha512, "ann", std::string(kSecret), nullptr};
    default:
      return {SaslMechanism::OAuthBearer, "", "", [] {
                return OAuthToken{std::string(kSecret) + "-long-enough-for-a-token", {}};
              }};
  }
}

void check_sentence(const std::string& sentence) {
  SPILL_CHECK(sentence.size() <= kSentenceMax, "a broker cannot make a sentence long");
  SPILL_CHECK(sentence.find(kSecret) == std::string::npos, "a secret is in no sentence");
  SPILL_CHECK(printable(sentence, kSentenceMax) == sentence, "a sentence is printable");
}

void check_step(Step step, const SaslCredentials& credentials, const SaslExchange& exchange,
                const SaslMessage& out, const std::string& why) {
  check_sentence(why);
  check_sentence(exchange.complaint());
  const bool scram = credentials.mechanism() == SaslMechanism::ScramSha256 ||
                     credentials.mechanism() == SaslMechanism::ScramSha512;
  SPILL_CHECK(step != Step::Done || !scram, "nobody proves a password without knowing it");
  SPILL_CHECK(step != Step::Failed || !why.empty(), "a failure says why");
  SPILL_CHECK(step != Step::Send || (out.fits() && !out.text().empty()), "what is sent is whole");
}

std::optional<std::string_view> take_message(std::string_view& rest) {
  if (rest.empty()) return std::nullopt;
  const std::size_t size = static_cast<std::uint8_t>(rest[0]);
  const std::string_view message = rest.substr(1, size);
  rest.remove_prefix(1 + message.size());
  return message;
}

void talk(std::uint8_t choice, std::string_view rest) {
  SaslCredentials credentials(sasl_of(choice));
  SaslExchange exchange;
  SaslMessage first;
  std::string why;
  SPILL_CHECK(exchange.begin(credentials, kNonce, first, why) == Step::Send, "it begins");
  for (int i = 0; i < kMessagesMax; ++i) {
    const auto message = take_message(rest);
    if (!message) return;
    SaslMessage out;
    const Step step = exchange.answer(credentials, *message, out, why);
    check_step(step, credentials, exchange, out, why);
    if (step != Step::Send) return;
  }
}

void try_base64(std::string_view text) {
  std::array<std::byte, 256> bytes;
  const auto size = base64_decode(text, bytes);
  if (!size) return;
  std::array<char, base64_size(256)> again;
  SPILL_CHECK(base64_encode(std::span(bytes).first(*size), again) == text, "one spelling");
}

}  // namespace
}  // namespace spillway

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
  spillway::talk(data[0], rest);
  spillway::try_base64(rest);
  return 0;
}
