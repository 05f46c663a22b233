// The one table of Kafka's names: it drives the parser, the checks and docs/configuration.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "spillway/options.h"

namespace spillway::cli {

enum class SecurityProtocol : std::uint8_t { Plaintext, Ssl, SaslPlaintext, SaslSsl };
enum class StoreType : std::uint8_t { Jks, Pem, Pkcs12 };

// What settings say before they are checked against each other.
struct Draft {
  Options options;
  Tls tls;
  Sasl sasl;
  SecurityProtocol protocol = SecurityProtocol::Plaintext;
  std::optional<bool> idempotence;
  std::optional<std::chrono::milliseconds> delivery_timeout;  // Java's name was used
  std::optional<StoreType> truststore_type;
  std::optional<StoreType> keystore_type;
  bool request_size = false;
  bool truststore = false;
  bool keystore = false;
  std::optional<bool> jaas_plain;  // else SCRAM
  bool mechanism_set = false;
  std::optional<Codec> level_codec;  // of the first level that was set
  bool tls_set = false;
  bool sasl_set = false;
};

// What follows the quoted value in a sentence: "is not a whole number of milliseconds".
using Problem = std::optional<std::string>;

struct Setting {
  enum World : std::uint8_t { kJava = 1, kLibrdkafka = 2, kBoth = 3 };

  // One name, or for settings that share a verdict several, with a space between.
  std::string_view names;
  World world;
  // What it sets, as Options calls it; two settings with the same one are two names of one thing.
  // Empty: it cannot be set.
  std::string_view option;
  // The flag that overrules it, empty if there is none.
  std::string_view flag;
  // Honoured: null, and `values` is for the page. Otherwise what we do anyway, '|' between; '*' is
  // any value; empty if no value fits.
  std::string_view values;
  // Honoured: what is to be known. Otherwise why not.
  std::string_view note;
  Problem (*apply)(Draft&, std::string_view value);
  bool secret = false;  // the value appears in no sentence

  [[nodiscard]] bool honoured() const noexcept { return apply != nullptr; }
};

[[nodiscard]] std::span<const Setting> kafka_settings();
[[nodiscard]] const Setting* find_setting(std::string_view name);
// The known name that is most like this one; empty if none is alike.
[[nodiscard]] std::string_view nearest_setting(std::string_view name);
// The next of the names, taken off the front of the list.
[[nodiscard]] std::string_view take_name(std::string_view& names);

}  // namespace spillway::cli
