#include "testing/dev_broker/context.h"

#include <algorithm>

namespace spillway::dev {

FaultPlan Context::partition_plan(std::string_view topic, std::int32_t partition) {
  FaultPlan own;
  if (is_retry) return own;
  faults.apply({api, node_id, topic, partition}, own);
  plan.close_before |= own.close_before;
  plan.close_after |= own.close_after;
  plan.half_answer |= own.half_answer;
  plan.no_answer |= own.no_answer;
  plan.swallow |= own.swallow;
  plan.delay += own.delay;
  plan.throttle += own.throttle;
  return own;
}

std::int16_t Context::error_or(KafkaError error) const noexcept {
  return code_of(plan.error.value_or(plan.error_after_append.value_or(error)));
}

KafkaError Context::coordinator_error() const noexcept {
  if (plan.error.has_value()) return *plan.error;
  const bool here = cluster.coordinators().transactions == node_id;
  return here ? KafkaError::kNone : KafkaError::kNotCoordinator;
}

bool is_served(std::int16_t api_key) noexcept {
  switch (static_cast<ApiKey>(api_key)) {
    case ApiKey::kProduce:
    case ApiKey::kFetch:
    case ApiKey::kListOffsets:
    case ApiKey::kMetadata:
    case ApiKey::kFindCoordinator:
    case ApiKey::kApiVersions:
    case ApiKey::kCreateTopics:
    case ApiKey::kInitProducerId:
    case ApiKey::kAddPartitionsToTxn:
    case ApiKey::kAddOffsetsToTxn:
    case ApiKey::kEndTxn:
    case ApiKey::kTxnOffsetCommit:
    case ApiKey::kDescribeProducers:
    case ApiKey::kSaslHandshake:
    case ApiKey::kSaslAuthenticate:
      return true;
    default:
      return false;
  }
}

std::int16_t version_max(const VersionCaps& caps, ApiKey api, std::int16_t known_max) {
  const auto cap = caps.find(api);
  return cap == caps.end() ? known_max : std::min(cap->second, known_max);
}

}  // namespace spillway::dev
