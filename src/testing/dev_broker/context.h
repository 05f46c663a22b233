// Context: what the handler of one request sees and leaves behind. One handler per API key, in
// api_*.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "testing/dev_broker/cluster.h"
#include "testing/dev_broker/faults.h"
#include "testing/dev_broker/login.h"
#include "wire/arena.h"
#include "wire/messages/add_offsets_to_txn.h"
#include "wire/messages/add_partitions_to_txn.h"
#include "wire/messages/api_versions.h"
#include "wire/messages/create_topics.h"
#include "wire/messages/describe_producers.h"
#include "wire/messages/end_txn.h"
#include "wire/messages/fetch.h"
#include "wire/messages/find_coordinator.h"
#include "wire/messages/init_producer_id.h"
#include "wire/messages/list_offsets.h"
#include "wire/messages/metadata.h"
#include "wire/messages/produce.h"
#include "wire/messages/sasl_authenticate.h"
#include "wire/messages/sasl_handshake.h"
#include "wire/messages/txn_offset_commit.h"

namespace spillway::dev {

// The highest version to offer, below what the codecs know: Produce 7 makes the broker speak like
// Redpanda. Below the lowest that they know: the API is not there at all.
using VersionCaps = std::map<ApiKey, std::int16_t>;

enum class Reply : std::uint8_t {
  Answer,
  NoAnswer,
  Park,  // nothing to say before Context::wake_at, or before records arrive: ask again then
  Close,
};

class Context {
 public:
  DevCluster& cluster;
  Faults& faults;
  Login& login;  // of the connection
  const VersionCaps& caps;
  wire::Arena& arena;               // holds the request and the arrays of the answer
  std::vector<std::byte>& scratch;  // holds the records of the answer
  const std::int32_t node_id;
  const ApiKey api;
  const std::int16_t version;
  const Now now;
  const MonoTime arrived;
  const bool is_retry;  // parked before: faults have struck already
  FaultPlan plan;
  MonoTime wake_at = kNever;
  bool out_of_memory = false;
  bool hang_up = false;  // behind the answer

  // An array for the answer; empty when the arena is full, which closes the connection.
  template <typename T>
  [[nodiscard]] std::span<T> allocate(std::size_t count) {
    T* first = arena.allocate<T>(count);
    if (first == nullptr) out_of_memory = true;
    return {first, first == nullptr ? 0 : count};
  }

  // The faults that strike one partition. What they do to the request as a whole goes into `plan`.
  [[nodiscard]] FaultPlan partition_plan(std::string_view topic, std::int32_t partition);

  // The error that faults put in place of what an API without partitions answers.
  [[nodiscard]] std::int16_t error_or(KafkaError error) const noexcept;
  // Why a request to the coordinator of transactions is not even looked at here, or None.
  [[nodiscard]] KafkaError coordinator_error() const noexcept;
};

[[nodiscard]] constexpr std::int16_t code_of(KafkaError error) noexcept {
  return static_cast<std::int16_t>(error);
}

// Whether the dev broker has a handler for it.
[[nodiscard]] bool is_served(std::int16_t api_key) noexcept;
[[nodiscard]] std::int16_t version_max(const VersionCaps& caps, ApiKey api, std::int16_t known_max);

Reply handle(Context& context, const wire::AddOffsetsToTxnRequest& request,
             wire::AddOffsetsToTxnResponse& response);
Reply handle(Context& context, const wire::AddPartitionsToTxnRequest& request,
             wire::AddPartitionsToTxnResponse& response);
Reply handle(Context& context, const wire::ApiVersionsRequest& request,
             wire::ApiVersionsResponse& response);
Reply handle(Context& context, const wire::CreateTopicsRequest& request,
             wire::CreateTopicsResponse& response);
Reply handle(Context& context, const wire::DescribeProducersRequest& request,
             wire::DescribeProducersResponse& response);
Reply handle(Context& context, const wire::EndTxnRequest& request, wire::EndTxnResponse& response);
Reply handle(Context& context, const wire::FetchRequest& request, wire::FetchResponse& response);
Reply handle(Context& context, const wire::FindCoordinatorRequest& request,
             wire::FindCoordinatorResponse& response);
Reply handle(Context& context, const wire::InitProducerIdRequest& request,
             wire::InitProducerIdResponse& response);
Reply handle(Context& context, const wire::ListOffsetsRequest& request,
             wire::ListOffsetsResponse& response);
Reply handle(Context& context, const wire::MetadataRequest& request,
             wire::MetadataResponse& response);
Reply handle(Context& context, const wire::ProduceRequest& request,
             wire::ProduceResponse& response);
Reply handle(Context& context, const wire::SaslAuthenticateRequest& request,
             wire::SaslAuthenticateResponse& response);
Reply handle(Context& context, const wire::SaslHandshakeRequest& request,
             wire::SaslHandshakeResponse& response);
Reply handle(Context& context, const wire::TxnOffsetCommitRequest& request,
             wire::TxnOffsetCommitResponse& response);

}  // namespace spillway::dev
