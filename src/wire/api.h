// Which requests there are, which versions of them we speak, and which to choose with a given
// broker.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "wire/messages/api_ranges.h"

namespace spillway::wire {

enum class ApiKey : std::int16_t {
  kProduce = 0,
  kFetch = 1,
  kListOffsets = 2,
  kMetadata = 3,
  kFindCoordinator = 10,
  kSaslHandshake = 17,
  kApiVersions = 18,
  kCreateTopics = 19,
  kInitProducerId = 22,
  kAddPartitionsToTxn = 24,
  kAddOffsetsToTxn = 25,
  kEndTxn = 26,
  kTxnOffsetCommit = 28,
  kSaslAuthenticate = 36,
  kDescribeProducers = 61,
};

// What we implement of an API; null for one we do not know.
[[nodiscard]] constexpr const ApiRange* api_range(ApiKey api) noexcept {
  for (const ApiRange& range : kApiRanges) {
    if (range.key == static_cast<std::int16_t>(api)) return &range;
  }
  return nullptr;
}

[[nodiscard]] constexpr const char* api_name(ApiKey api) noexcept {
  const ApiRange* range = api_range(api);
  return range == nullptr ? "unknown API" : range->name;
}

// The highest version that both sides speak; none when the ranges do not meet.
[[nodiscard]] constexpr std::optional<std::int16_t> pick_version(ApiKey api,
                                                                 std::int16_t broker_min,
                                                                 std::int16_t broker_max) noexcept {
  const ApiRange* ours = api_range(api);
  if (ours == nullptr) return std::nullopt;
  const std::int16_t version = std::min(ours->version_max, broker_max);
  if (version < std::max(ours->version_min, broker_min)) return std::nullopt;
  return version;
}

[[nodiscard]] constexpr bool is_flexible(ApiKey api, std::int16_t version) noexcept {
  const ApiRange* range = api_range(api);
  return range != nullptr && version >= range->flexible_from;
}

[[nodiscard]] constexpr std::int16_t header_version_request(ApiKey api,
                                                            std::int16_t version) noexcept {
  return is_flexible(api, version) ? 2 : 1;
}

// ApiVersions keeps v0, so that a client that asked for more than the broker speaks can read the
// answer.
[[nodiscard]] constexpr std::int16_t header_version_response(ApiKey api,
                                                             std::int16_t version) noexcept {
  return api != ApiKey::kApiVersions && is_flexible(api, version) ? 1 : 0;
}

}  // namespace spillway::wire
