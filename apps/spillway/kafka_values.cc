#include "apps/spillway/kafka_values.h"

#include <algorithm>
#include <array>
#include <utility>

#include "apps/spillway/jaas.h"

namespace spillway::cli::values {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

template <typename T, std::size_t kSize>
using Words = std::array<std::pair<std::string_view, T>, kSize>;

template <typename T, std::size_t kSize>
std::optional<T> word_of(const Words<T, kSize>& words, std::string_view text) {
  for (const auto& [word, value] : words) {
    if (equal_words(word, trim(text))) return value;
  }
  return std::nullopt;
}

template <typename T, std::size_t kSize>
std::string not_one_of(const Words<T, kSize>& words) {
  std::string list = "is not one of ";
  for (const auto& [word, value] : words) list += std::string(word) + ", ";
  list.resize(list.size() - 2);
  return list;
}

// The items of a list, which Java separates by commas and OpenSSL by colons.
template <typename Take>
void for_each_item(std::string_view text, Take take) {
  while (!text.empty()) {
    const auto end = std::min(text.find_first_of(",:"), text.size());
    const auto item = trim(text.substr(0, end));
    if (!item.empty()) take(item);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

constexpr Words<StoreType, 3> kStoreTypes{
    {{"PEM", StoreType::Pem}, {"JKS", StoreType::Jks}, {"PKCS12", StoreType::Pkcs12}}};
constexpr std::string_view kStoreHint =
    "is a store that only Java reads: write its certificates and key into a PEM file (openssl "
    "pkcs12 -in STORE does it) and set the type to PEM";

Problem store_type(std::string_view text, std::optional<StoreType>& type) {
  const auto known = word_of(kStoreTypes, text);
  if (!known) return not_one_of(kStoreTypes);
  if (*known != StoreType::Pem) return std::string(kStoreHint);
  type = *known;
  return {};
}

}  // namespace

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n\f";
  const auto first = text.find_first_not_of(kBlank);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

bool equal_words(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  text = trim(text);
  std::int64_t value = 0;
  const auto [rest, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || rest != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<bool> truth(std::string_view text) {
  return word_of(Words<bool, 2>{{{"true", true}, {"false", false}}}, text);
}

Problem number_between(std::string_view text, std::int64_t low, std::int64_t high,
                       std::string_view unit, std::int64_t& value) {
  const auto number = whole_number(text);
  if (number && *number >= low && *number <= high) {
    value = *number;
    return {};
  }
  return "is not a whole number" + (unit.empty() ? "" : " of " + std::string(unit)) + " from " +
         std::to_string(low) + " to " + std::to_string(high);
}

Problem acks(Draft& draft, std::string_view text) {
  constexpr Words<Acks, 4> kWords{
      {{"all", Acks::All}, {"-1", Acks::All}, {"1", Acks::Leader}, {"0", Acks::None}}};
  const auto known = word_of(kWords, text);
  if (!known) return not_one_of(kWords);
  draft.options.acks = *known;
  return {};
}

Problem idempotence(Draft& draft, std::string_view text) {
  draft.idempotence = truth(text);
  if (!draft.idempotence) return "is neither true nor false";
  return {};
}

// Java's: it must have room for a linger and a request. librdkafka's other name promises no such
// thing.
Problem delivery_timeout(Draft& draft, std::string_view text) {
  auto problem = milliseconds<&Options::delivery_timeout>(draft, text);
  if (!problem) draft.delivery_timeout = draft.options.delivery_timeout;
  return problem;
}

Problem in_flight(Draft& draft, std::string_view text) {
  std::int64_t value = 0;
  auto problem = number_between(text, 1, 12, "", value);
  if (!problem) draft.options.in_flight_max = static_cast<int>(value);
  return problem;
}

Problem codec(Draft& draft, std::string_view text) {
  constexpr Words<Codec, 5> kWords{{{"none", Codec::None},
                                    {"gzip", Codec::Gzip},
                                    {"snappy", Codec::Snappy},
                                    {"lz4", Codec::Lz4},
                                    {"zstd", Codec::Zstd}}};
  const auto known = word_of(kWords, text);
  if (!known) return not_one_of(kWords);
  draft.options.compression.codec = *known;
  return {};
}

// librdkafka's one level for all codecs: the library checks it against the codec.
Problem level_of_codec(Draft& draft, std::string_view text) {
  std::int64_t value = 0;
  auto problem = number_between(text, -1, 22, "", value);
  if (!problem) draft.options.compression.level = static_cast<int>(value);
  return problem;
}

Problem request_size(Draft& draft, std::string_view text) {
  std::int64_t value = 0;
  auto problem = number_between(text, 64, 64 << 20, "bytes", value);
  if (problem) return problem;
  draft.options.record_bytes_max = static_cast<std::size_t>(value);
  draft.request_size = true;
  return {};
}

Problem partitioner(Draft& draft, std::string_view text) {
  constexpr Words<KeyPartitioner, 2> kWords{
      {{"murmur2_random", KeyPartitioner::Murmur2}, {"consistent_random", KeyPartitioner::Crc32}}};
  const auto known = word_of(kWords, text);
  if (!known) {
    return not_one_of(kWords) +
           " (murmur2 and consistent put every record without a key into one partition: take the "
           "_random forms, which place keys alike)";
  }
  draft.options.key_partitioner = *known;
  return {};
}

// Never counted: the delivery timeout ends retrying. A number that it outruns changes nothing.
Problem retries(Draft& /*draft*/, std::string_view text) {
  std::int64_t value = 0;
  auto problem = number_between(text, 0, INT32_MAX, "", value);
  if (problem) return problem;
  constexpr std::int64_t kBeyondReach = 1'000'000;  // 100 ms apart they take more than a day
  if (value >= kBeyondReach) return {};
  return "would give up while there is time left: Spillway retries until the delivery timeout, so "
         "set that instead, or at least " +
         std::to_string(kBeyondReach);
}

Problem protocol(Draft& draft, std::string_view text) {
  constexpr Words<SecurityProtocol, 4> kWords{{{"PLAINTEXT", SecurityProtocol::Plaintext},
                                               {"SSL", SecurityProtocol::Ssl},
                                               {"SASL_PLAINTEXT", SecurityProtocol::SaslPlaintext},
                                               {"SASL_SSL", SecurityProtocol::SaslSsl}}};
  const auto known = word_of(kWords, text);
  if (!known) return not_one_of(kWords);
  draft.protocol = *known;
  return {};
}

Problem authorities(Draft& draft, std::string_view text) {
  if (text != "probe") return tls_text<&Tls::ca>(draft, text);
  draft.tls_set = true;  // librdkafka's word for the system's own
  draft.tls.ca.clear();
  return {};
}

Problem truststore(Draft& draft, std::string_view text) {
  draft.truststore = true;
  return tls_text<&Tls::ca>(draft, text);
}

Problem truststore_type(Draft& draft, std::string_view text) {
  draft.tls_set = true;
  return store_type(text, draft.truststore_type);
}

Problem keystore(Draft& draft, std::string_view text) {
  draft.keystore = true;
  draft.tls.key = std::string(text);
  return tls_text<&Tls::certificate>(draft, text);
}

Problem keystore_type(Draft& draft, std::string_view text) {
  draft.tls_set = true;
  return store_type(text, draft.keystore_type);
}

Problem host_check(Draft& draft, std::string_view text) {
  constexpr Words<bool, 3> kWords{{{"https", true}, {"none", false}, {"", false}}};
  const auto known = word_of(kWords, text);
  if (!known) return "is neither https nor none";
  draft.tls_set = true;
  draft.tls.verify_host = *known;
  return {};
}

Problem peer_check(Draft& draft, std::string_view text) {
  const auto known = truth(text);
  if (!known) return "is neither true nor false";
  draft.tls_set = true;
  draft.tls.verify_peer = *known;
  if (!*known) draft.tls.verify_host = false;
  return {};
}

Problem tls_versions(Draft& draft, std::string_view text) {
  bool two = false;
  bool three = false;
  bool other = false;
  for_each_item(text, [&](std::string_view item) {
    two = two || item == "TLSv1.2";
    three = three || item == "TLSv1.3";
    other = other || (item != "TLSv1.2" && item != "TLSv1.3");
  });
  if (other || !three) {
    return "cannot be had: Spillway speaks TLSv1.3, and TLSv1.2 if it is listed too";
  }
  draft.tls_set = true;
  draft.tls.version_min = two ? TlsVersion::V1_2 : TlsVersion::V1_3;
  return {};
}

Problem ciphers(Draft& draft, std::string_view text) {
  std::string old;
  std::string suites;
  bool java = false;
  for_each_item(text, [&](std::string_view item) {
    const bool is_suite = item.starts_with("TLS_AES_") || item.starts_with("TLS_CHACHA20_");
    java = java || item.find("_WITH_") != item.npos;
    std::string& list = is_suite ? suites : old;
    list += (list.empty() ? "" : ":") + std::string(item);
  });
  if (java)
    return "has Java's names of TLS 1.2 ciphers: write OpenSSL's, see openssl ciphers -stdname";
  if (old.empty() && suites.empty()) return "names no cipher";
  draft.tls_set = true;
  draft.tls.ciphers = old;
  draft.tls.cipher_suites = suites;
  return {};
}

Problem mechanism(Draft& draft, std::string_view text) {
  constexpr Words<SaslMechanism, 5> kWords{{{"PLAIN", SaslMechanism::Plain},
                                            {"SCRAM-SHA-256", SaslMechanism::ScramSha256},
                                            {"SCRAM-SHA-512", SaslMechanism::ScramSha512},
                                            {"OAUTHBEARER", SaslMechanism::OAuthBearer},
                                            {"GSSAPI", SaslMechanism::Gssapi}}};
  const auto known = word_of(kWords, text);
  if (!known) return not_one_of(kWords);
  if (*known == SaslMechanism::OAuthBearer && !draft.sasl.token) {
    return "needs a token: --sasl-token-file names the file that holds it";
  }
  draft.sasl_set = true;
  draft.sasl.mechanism = *known;
  draft.mechanism_set = true;
  return {};
}

Problem jaas(Draft& draft, std::string_view text) {
  const JaasLogin login = parse_jaas(text);
  if (!login.problem.empty()) return login.problem;
  draft.sasl_set = true;
  draft.jaas_plain = login.plain;
  draft.sasl.username = login.username;
  draft.sasl.password = login.password;
  return {};
}

}  // namespace spillway::cli::values
