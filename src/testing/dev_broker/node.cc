#include "testing/dev_broker/node.h"

#include <algorithm>
#include <utility>

#include "wire/frame.h"

namespace spillway::dev {
namespace {

constexpr std::size_t kAnswerBytesFirst = std::size_t{64} << 10;

// What the faults make of an answer that is ready to go.
Outcome apply_faults(const FaultPlan& plan, Outcome outcome, Now now) {
  outcome.send_at = now.mono + plan.delay;
  if (plan.swallow || plan.no_answer) return {.kind = Outcome::Kind::Mute};
  if (plan.close_before || plan.close_after) return {.send_at = outcome.send_at};
  if (plan.half_answer && outcome.kind == Outcome::Kind::Answer) {
    outcome.answer = outcome.answer.first(outcome.answer.size() / 2);
    outcome.close_after = true;
  }
  return outcome;
}

}  // namespace

Node::Node(std::int32_t id, DevCluster& cluster, Faults& faults, const VersionCaps& caps)
    : id_(id),
      cluster_(cluster),
      faults_(faults),
      caps_(caps),
      arena_bytes_(std::make_unique_for_overwrite<std::byte[]>(kArenaBytes)),
      answer_(kAnswerBytesFirst) {}

Outcome Node::handle_request(std::span<const std::byte> frame, Now now, Login& login,
                             Parked& parked) {
  parked = {now.mono, {}};
  return run(frame, now, login, parked, false);
}

Outcome Node::resume(std::span<const std::byte> frame, Now now, Login& login, Parked& parked) {
  return run(frame, now, login, parked, true);
}

Outcome Node::run(std::span<const std::byte> frame, Now now, Login& login, Parked& parked,
                  bool is_retry) {
  wire::Reader in(frame);
  wire::RequestHeader raw;
  if (!wire::read_request_header(in, raw) || !is_served(raw.api_key)) return {};
  const Header header{static_cast<ApiKey>(raw.api_key), raw.api_version, raw.correlation_id};
  if (!is_retry && !login.allows(header.api, cluster_.login_desk(), now.mono)) return {};
  if (!is_retry) faults_.apply({header.api, id_}, parked.plan);
  if (parked.plan.close_before) return {};
  if (parked.plan.swallow) return {.kind = Outcome::Kind::Mute};
  wire::Arena arena({arena_bytes_.get(), kArenaBytes});
  scratch_.clear();
  Context context{cluster_,   faults_,         login, caps_,          arena,    scratch_,   id_,
                  header.api, raw.api_version, now,   parked.arrived, is_retry, parked.plan};
  cluster_.tick(now);
  const Outcome outcome = dispatch(in, header, context);
  parked.plan = context.plan;
  if (outcome.kind == Outcome::Kind::Park) return outcome;
  return apply_faults(context.plan, outcome, now);
}

Outcome Node::dispatch(wire::Reader& in, const Header& header, Context& context) {
  const wire::ApiRange& range = *wire::api_range(header.api);
  const std::int16_t version_last = version_max(caps_, header.api, range.version_max);
  if (header.version < range.version_min || header.version > version_last) {
    return refuse_version(header, context);
  }
  switch (header.api) {
    case ApiKey::kProduce:
      return serve<wire::ProduceRequest, wire::ProduceResponse>(in, header, context);
    case ApiKey::kFetch:
      return serve<wire::FetchRequest, wire::FetchResponse>(in, header, context);
    case ApiKey::kListOffsets:
      return serve<wire::ListOffsetsRequest, wire::ListOffsetsResponse>(in, header, context);
    case ApiKey::kMetadata:
      return serve<wire::MetadataRequest, wire::MetadataResponse>(in, header, context);
    case ApiKey::kFindCoordinator:
      return serve<wire::FindCoordinatorRequest, wire::FindCoordinatorResponse>(in, header,
                                                                                context);
    case ApiKey::kApiVersions:
      return serve<wire::ApiVersionsRequest, wire::ApiVersionsResponse>(in, header, context);
    case ApiKey::kCreateTopics:
      return serve<wire::CreateTopicsRequest, wire::CreateTopicsResponse>(in, header, context);
    case ApiKey::kInitProducerId:
      return serve<wire::InitProducerIdRequest, wire::InitProducerIdResponse>(in, header, context);
    case ApiKey::kAddPartitionsToTxn:
      return serve<wire::AddPartitionsToTxnRequest, wire::AddPartitionsToTxnResponse>(in, header,
                                                                                      context);
    case ApiKey::kAddOffsetsToTxn:
      return serve<wire::AddOffsetsToTxnRequest, wire::AddOffsetsToTxnResponse>(in, header,
                                                                                context);
    case ApiKey::kEndTxn:
      return serve<wire::EndTxnRequest, wire::EndTxnResponse>(in, header, context);
    case ApiKey::kTxnOffsetCommit:
      return serve<wire::TxnOffsetCommitRequest, wire::TxnOffsetCommitResponse>(in, header,
                                                                                context);
    case ApiKey::kDescribeProducers:
      return serve<wire::DescribeProducersRequest, wire::DescribeProducersResponse>(in, header,
                                                                                    context);
    case ApiKey::kSaslHandshake:
      return serve<wire::SaslHandshakeRequest, wire::SaslHandshakeResponse>(in, header, context);
    case ApiKey::kSaslAuthenticate:
      return serve<wire::SaslAuthenticateRequest, wire::SaslAuthenticateResponse>(in, header,
                                                                                  context);
    default:
      return {};
  }
}

// ApiVersions is refused in a form that every client can read, with the ranges to choose from;
// anything else hangs up.
Outcome Node::refuse_version(const Header& header, Context& context) {
  if (header.api != ApiKey::kApiVersions) return {};
  wire::ApiVersionsResponse response;
  handle(context, wire::ApiVersionsRequest{}, response);
  response.error_code = code_of(KafkaError::kUnsupportedVersion);
  return encode({header.api, 0, header.correlation_id}, context, response);
}

template <typename Request, typename Response>
Outcome Node::serve(wire::Reader& in, const Header& header, Context& context) {
  Request request;
  if (!request.decode(in, context.arena, header.version) || !in.finish()) return {};
  Response response;
  const Reply reply = handle(context, request, response);
  if (context.out_of_memory) return {};
  switch (reply) {
    case Reply::Answer:
      if constexpr (requires { response.throttle_time_ms; })
        response.throttle_time_ms = static_cast<std::int32_t>(context.plan.throttle.count());
      return encode(header, context, response);
    case Reply::NoAnswer:
      return {.kind = Outcome::Kind::NoAnswer};
    case Reply::Park:
      return {.kind = Outcome::Kind::Park, .wake_at = context.wake_at};
    case Reply::Close:
      break;
  }
  return {};
}

template <typename Response>
Outcome Node::encode(const Header& header, Context& context, const Response& response) {
  while (true) {
    wire::Writer out(answer_);
    if (wire::write_response(out, response, header.version, header.correlation_id)) {
      return {.kind = Outcome::Kind::Answer, .answer = out.bytes(), .close_after = context.hang_up};
    }
    if (answer_.size() >= kAnswerBytesMax) return {};
    answer_.resize(std::min(answer_.size() * 2, kAnswerBytesMax));
  }
}

}  // namespace spillway::dev
