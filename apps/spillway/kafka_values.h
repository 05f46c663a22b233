// How each of Kafka's settings reads its value. Used by the table in kafka_settings.cc only.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include "apps/spillway/kafka_settings.h"

namespace spillway::cli::values {

[[nodiscard]] std::string_view trim(std::string_view text);
[[nodiscard]] bool equal_words(std::string_view a, std::string_view b);  // ASCII, any case
[[nodiscard]] std::optional<std::int64_t> whole_number(std::string_view text);
[[nodiscard]] std::optional<bool> truth(std::string_view text);

[[nodiscard]] Problem number_between(std::string_view text, std::int64_t low, std::int64_t high,
                                     std::string_view unit, std::int64_t& value);

inline constexpr std::int64_t kMillisecondsMax = 24LL * 24 * 3600 * 1000;

template <std::chrono::milliseconds Options::*kMember>
Problem milliseconds(Draft& draft, std::string_view text) {
  std::int64_t value = 0;
  auto problem = number_between(text, 0, kMillisecondsMax, "milliseconds", value);
  if (!problem) draft.options.*kMember = std::chrono::milliseconds(value);
  return problem;
}

template <std::size_t Options::*kMember, std::int64_t kLow = 1, std::int64_t kFactor = 1>
Problem bytes(Draft& draft, std::string_view text) {
  std::int64_t value = 0;
  auto problem =
      number_between(text, kLow, INT64_MAX / 1024, kFactor == 1 ? "bytes" : "KiB", value);
  if (!problem) draft.options.*kMember = static_cast<std::size_t>(value * kFactor);
  return problem;
}

template <bool Options::*kMember>
Problem flag(Draft& draft, std::string_view text) {
  const auto value = truth(text);
  if (!value) return "is neither true nor false";
  draft.options.*kMember = *value;
  return {};
}

template <std::string Options::*kMember>
Problem text(Draft& draft, std::string_view value) {
  draft.options.*kMember = std::string(value);
  return {};
}

template <std::string Tls::*kMember>
Problem tls_text(Draft& draft, std::string_view value) {
  if (value.empty()) return "is empty: name a file";
  draft.tls_set = true;
  draft.tls.*kMember = std::string(value);
  return {};
}

template <std::string Sasl::*kMember>
Problem sasl_text(Draft& draft, std::string_view value) {
  draft.sasl_set = true;
  draft.sasl.*kMember = std::string(value);
  return {};
}

template <Codec kCodec, int kLow, int kHigh>
Problem level(Draft& draft, std::string_view text) {
  std::int64_t value = 0;
  if (trim(text) == "-1") return {};
  auto problem = number_between(text, kLow, kHigh, "", value);
  if (problem) return problem;
  draft.level_codec = kCodec;
  draft.options.compression.level = static_cast<int>(value);
  return {};
}

Problem acks(Draft& draft, std::string_view text);
Problem idempotence(Draft& draft, std::string_view text);
Problem delivery_timeout(Draft& draft, std::string_view text);
Problem in_flight(Draft& draft, std::string_view text);
Problem codec(Draft& draft, std::string_view text);
Problem level_of_codec(Draft& draft, std::string_view text);
Problem request_size(Draft& draft, std::string_view text);
Problem partitioner(Draft& draft, std::string_view text);
Problem retries(Draft& draft, std::string_view text);
Problem protocol(Draft& draft, std::string_view text);
Problem authorities(Draft& draft, std::string_view text);
Problem truststore(Draft& draft, std::string_view text);
Problem truststore_type(Draft& draft, std::string_view text);
Problem keystore(Draft& draft, std::string_view text);
Problem keystore_type(Draft& draft, std::string_view text);
Problem host_check(Draft& draft, std::string_view text);
Problem peer_check(Draft& draft, std::string_view text);
Problem tls_versions(Draft& draft, std::string_view text);
Problem ciphers(Draft& draft, std::string_view text);
Problem mechanism(Draft& draft, std::string_view text);
Problem jaas(Draft& draft, std::string_view text);

}  // namespace spillway::cli::values
