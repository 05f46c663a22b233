#include "apps/spillway/jaas.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace spillway::cli {
namespace {

constexpr std::string_view kPlain = "org.apache.kafka.common.security.plain.PlainLoginModule";
constexpr std::string_view kScram = "org.apache.kafka.common.security.scram.ScramLoginModule";
constexpr const char* kShape =
    "is not of the form MODULE required username=\"NAME\" password=\"WORD\";";

// Words and quoted texts, as java.io.StreamTokenizer cuts them for JAAS files.
class Tokens {
 public:
  explicit Tokens(std::string_view text) : text_(text) {}

  // A word, a quoted text without its quotes, or one of "=" and ";". Null at the end, and for a
  // quote that is never closed.
  std::optional<std::string> next() {
    while (!text_.empty() && kBlank.find(text_.front()) != kBlank.npos) text_.remove_prefix(1);
    if (text_.empty()) return std::nullopt;
    const char c = text_.front();
    if (c == '"' || c == '\'') return quoted(c);
    if (c == '=' || c == ';') return take(1);
    return take(std::min(text_.find_first_of(" \t\r\n\f=;\"'"), text_.size()));
  }

 private:
  static constexpr std::string_view kBlank = " \t\r\n\f";

  std::string take(std::size_t size) {
    std::string piece(text_.substr(0, size));
    text_.remove_prefix(size);
    return piece;
  }

  std::optional<std::string> quoted(char quote) {
    std::string piece;
    text_.remove_prefix(1);
    while (!text_.empty() && text_.front() != quote) {
      if (text_.front() == '\\' && text_.size() > 1) text_.remove_prefix(1);
      piece.push_back(text_.front());
      text_.remove_prefix(1);
    }
    if (text_.empty()) return std::nullopt;
    text_.remove_prefix(1);
    return piece;
  }

  std::string_view text_;
};

JaasLogin wrong(std::string problem) {
  JaasLogin login;
  login.problem = std::move(problem);
  return login;
}

}  // namespace

JaasLogin parse_jaas(std::string_view text) {
  Tokens tokens(text);
  const auto module = tokens.next();
  if (!module || (*module != kPlain && *module != kScram)) {
    return wrong("names a login module other than PlainLoginModule and ScramLoginModule");
  }
  JaasLogin login;
  login.plain = *module == kPlain;
  if (tokens.next() != "required") return wrong(kShape);
  bool named = false;
  while (true) {
    const auto name = tokens.next();
    if (!name) return wrong(kShape);
    if (*name == ";") break;
    if (tokens.next() != "=") return wrong(kShape);
    const auto value = tokens.next();
    if (!value) return wrong(kShape);
    if (*name != "username" && *name != "password") {
      return wrong("has an option besides username and password, which cannot be honoured");
    }
    (*name == "username" ? login.username : login.password) = *value;
    named = named || *name == "username";
  }
  if (!named) return wrong("has no username");
  if (tokens.next()) return wrong("has more than one login module");
  return login;
}

}  // namespace spillway::cli
