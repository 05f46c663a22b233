#include "apps/spillway/sasl_flags.h"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apps/spillway/flags.h"

namespace spillway::cli {
namespace {

constexpr const char* kPasswordVariable = "SPILLWAY_SASL_PASSWORD";
constexpr std::streamsize kSecretBytesMax = 64 << 10;

Sasl& turned_on(Options& options) {
  if (options.sasl) return *options.sasl;
  options.sasl.emplace();
  if (const char* password = std::getenv(kPasswordVariable)) options.sasl->password = password;
  return *options.sasl;
}

// The whole file but the line end behind it, which editors leave and nobody means.
std::optional<std::string> read_secret(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(static_cast<std::size_t>(kSecretBytesMax), '\0');
  file.read(text.data(), kSecretBytesMax);
  if (file.bad() || !file.eof()) return std::nullopt;  // not to be read, or no secret is so long
  text.resize(static_cast<std::size_t>(file.gcount()));
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  return text;
}

std::string read_or_throw(const std::string& flag, const std::string& path) {
  auto text = read_secret(path);
  if (!text)
    throw CLI::ValidationError(flag, "'" + path + "' cannot be read as a file of one secret");
  if (text->empty()) throw CLI::ValidationError(flag, "'" + path + "' is empty");
  return std::move(*text);
}

}  // namespace

void add_sasl_flags(CLI::App& app, Options& options) {
  const auto set_mechanism = [&options](const std::string& word) {
    using enum SaslMechanism;
    const std::pair<const char*, SaslMechanism> words[] = {{"PLAIN", Plain},
                                                           {"SCRAM-SHA-256", ScramSha256},
                                                           {"SCRAM-SHA-512", ScramSha512},
                                                           {"OAUTHBEARER", OAuthBearer}};
    for (const auto& [name, mechanism] : words) {
      if (name != word) continue;
      Sasl& sasl = turned_on(options);
      sasl.mechanism = mechanism;
      // A variable that is there for others is not a mistake.
      const char* password = std::getenv(kPasswordVariable);
      if (mechanism == OAuthBearer && password != nullptr && sasl.password == password)
        sasl.password.clear();
      return;
    }
    throw CLI::ValidationError("--sasl-mechanism",
                               "'" + word +
                                   "' is not one of its words: PLAIN, SCRAM-SHA-256, "
                                   "SCRAM-SHA-512, OAUTHBEARER");
  };
  app.add_option_function<std::string>("--sasl-mechanism", set_mechanism,
                                       "log in: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER")
      ->type_name("NAME");
  app.add_option_function<std::string>(
         "--sasl-username",
         [&options](const std::string& name) { turned_on(options).username = name; },
         "whose password it is")
      ->type_name("USER");
  app.add_option_function<std::string>(
         "--sasl-password-file",
         [&options](const std::string& path) {
           turned_on(options).password = read_or_throw("--sasl-password-file", path);
         },
         "holds the password; without it SPILLWAY_SASL_PASSWORD does")
      ->type_name("FILE");
  app.add_option_function<std::string>(
         "--sasl-token-file",
         [&options](const std::string& path) {
           (void)read_or_throw("--sasl-token-file", path);
           turned_on(options).token = [path] {
             return OAuthToken{read_secret(path).value_or(""), {}};
           };
         },
         "with OAUTHBEARER: holds the token, read again for each login")
      ->type_name("FILE");
}

void add_sasl_broker_flags(CLI::App& app, dev::SaslSettings& settings) {
  app.add_option_function<std::vector<std::string>>(
         "--sasl-user",
         [&settings](const std::vector<std::string>& texts) {
           for (const std::string& text : texts) {
             const auto colon = text.find(':');
             if (colon == text.npos || colon == 0 || colon + 1 == text.size())
               throw CLI::ValidationError("--sasl-user", "write NAME:PASSWORD");
             settings.passwords[text.substr(0, colon)] = text.substr(colon + 1);
           }
         },
         "only those may come in: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512; may be repeated")
      ->type_name("NAME:PASSWORD");
  app.add_option_function<std::vector<std::string>>(
         "--sasl-token",
         [&settings](const std::vector<std::string>& texts) {
           settings.tokens.insert(texts.begin(), texts.end());
         },
         "OAUTHBEARER: who shows this token may come in; may be repeated")
      ->type_name("TOKEN");
  add_duration(app, "--sasl-session", settings.session,
               "a login ends after this, unless it is renewed; 0: with its connection")
      ->type_name("TIME")
      ->default_str("0");
}

}  // namespace spillway::cli
