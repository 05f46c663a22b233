#include "testing/dev_broker/context.h"

namespace spillway::dev {

Reply handle(Context& context, const wire::ApiVersionsRequest& /*request*/,
             wire::ApiVersionsResponse& response) {
  const auto apis = context.allocate<wire::ApiVersionsResponse::Api>(std::size(wire::kApiRanges));
  std::size_t count = 0;
  for (const wire::ApiRange& range : wire::kApiRanges) {
    if (count == apis.size()) break;
    const auto last = version_max(context.caps, static_cast<ApiKey>(range.key), range.version_max);
    if (!is_served(range.key) || last < range.version_min) continue;
    auto& api = apis[count++];
    api.api_key = range.key;
    // Kafka 4 claims Produce from 0 on too: older librdkafka takes its absence for a broker without
    // compression.
    api.min_version =
        range.key == wire::ProduceRequest::kApiKey ? std::int16_t{0} : range.version_min;
    api.max_version = last;
  }
  if (context.cluster.options().transaction_version > 0) {
    const auto features = context.allocate<wire::ApiVersionsResponse::FinalizedFeature>(1);
    for (auto& feature : features) {
      feature.name = "transaction.version";
      feature.max_version_level = context.cluster.options().transaction_version;
      feature.min_version_level = feature.max_version_level;
    }
    response.finalized_features = features;
    response.finalized_features_epoch = 1;
  }
  response.error_code = context.error_or(KafkaError::kNone);
  response.api_keys = apis.first(count);
  return Reply::Answer;
}

}  // namespace spillway::dev
