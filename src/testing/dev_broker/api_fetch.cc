#include <algorithm>
#include <chrono>

#include "testing/dev_broker/context.h"

namespace spillway::dev {
namespace {

using Request = wire::FetchRequest;
using Response = wire::FetchResponse;
using PartitionIn = Request::Partition;
using PartitionOut = Response::Partition;

constexpr std::int16_t kTopicIdsFrom = 13;
constexpr std::int8_t kReadCommitted = 1;
constexpr std::int64_t kBytesMax = 16 << 20;  // of one answer, whatever the client allows

// What the first pass over the partitions found out.
struct Survey {
  std::size_t bytes_left;
  std::size_t bytes = 0;
  bool has_error = false;
};

// A partition that can be read, and what the first pass has granted it.
struct Grant {
  const PartitionLog* log;
  std::size_t bytes;
};

KafkaError find_log(Context& context, Topic* topic, const PartitionIn& in, PartitionOut& out,
                    const Partition*& found) {
  if (topic == nullptr) {
    return context.version >= kTopicIdsFrom ? KafkaError::kUnknownTopicId
                                            : KafkaError::kUnknownTopicOrPartition;
  }
  const FaultPlan faults = context.partition_plan(topic->name, in.partition);
  if (faults.error.has_value()) return *faults.error;
  const Partition* partition = topic->partition(in.partition);
  if (partition == nullptr) return KafkaError::kUnknownTopicOrPartition;
  if (partition->leader != context.node_id) {
    out.current_leader.leader_id = partition->leader;
    out.current_leader.leader_epoch = partition->leader_epoch;
    return KafkaError::kNotLeaderOrFollower;
  }
  found = partition;
  const PartitionLog& log = partition->log;
  if (in.fetch_offset < log.start_offset() || in.fetch_offset > log.end_offset()) {
    return KafkaError::kOffsetOutOfRange;
  }
  return KafkaError::kNone;
}

// Those that a reader of what is committed must skip.
void list_aborted(Context& context, const Partition& partition, std::int64_t from,
                  PartitionOut& out) {
  const auto list = context.allocate<Response::AbortedTransaction>(partition.aborted.size());
  std::size_t count = 0;
  for (const AbortedTransaction& each : partition.aborted) {
    if (count == list.size() || each.marker_offset < from) continue;
    list[count].producer_id = each.producer_id;
    list[count].first_offset = each.first_offset;
    ++count;
  }
  out.aborted_transactions = list.first(count);
}

Grant survey_one(Context& context, bool committed, Topic* topic, const PartitionIn& in,
                 PartitionOut& out, Survey& survey) {
  const Partition* partition = nullptr;
  const KafkaError error = find_log(context, topic, in, out, partition);
  out.partition_index = in.partition;
  out.error_code = code_of(error);
  out.aborted_transactions.reset();
  if (partition != nullptr) {
    out.high_watermark = partition->log.end_offset();
    out.last_stable_offset = partition->last_stable_offset();
    out.log_start_offset = partition->log.start_offset();
  } else {
    out.high_watermark = out.last_stable_offset = out.log_start_offset = -1;
  }
  if (error != KafkaError::kNone) {
    survey.has_error = true;
    return {nullptr, 0};
  }
  if (committed) list_aborted(context, *partition, in.fetch_offset, out);
  const auto own_max = static_cast<std::size_t>(std::max(in.partition_max_bytes, 0));
  const std::size_t bytes = partition->log.readable_bytes(
      in.fetch_offset, std::min(own_max, survey.bytes_left), survey.bytes == 0,
      committed ? out.last_stable_offset : out.high_watermark);
  survey.bytes += bytes;
  survey.bytes_left -= std::min(bytes, survey.bytes_left);
  return {&partition->log, bytes};
}

void read_records(Context& context, const Request& request, std::span<const Grant> grants,
                  std::span<const std::span<PartitionOut>> outs) {
  std::size_t next = 0;
  for (std::size_t i = 0; i < outs.size(); ++i) {
    for (std::size_t j = 0; j < outs[i].size(); ++j) {
      const Grant& grant = grants[next++];
      const std::size_t begin = context.scratch.size();
      if (grant.log != nullptr) {
        grant.log->read(request.topics[i].partitions[j].fetch_offset, grant.bytes, context.scratch);
      }
      outs[i][j].records = wire::Records::of(std::span(context.scratch).subspan(begin));
    }
  }
}

std::size_t count_partitions(const Request& request) {
  std::size_t count = 0;
  for (const Request::Topic& topic : request.topics) count += topic.partitions.size();
  return count;
}

MonoTime deadline_of(const Context& context, const Request& request) {
  return context.arrived + std::chrono::milliseconds(std::max(request.max_wait_ms, 0));
}

bool must_wait(const Context& context, const Request& request, const Survey& survey) {
  if (survey.has_error || count_partitions(request) == 0) return false;
  if (survey.bytes >= static_cast<std::size_t>(std::max(request.min_bytes, 0))) return false;
  return context.now.mono < deadline_of(context, request);
}

// The answer while it grows: what each partition says, and what it may give.
struct Draft {
  std::span<Response::Topic> topics;
  std::span<std::span<PartitionOut>> outs;
  std::span<Grant> grants;
};

Draft allocate_draft(Context& context, const Request& request) {
  Draft draft;
  draft.topics = context.allocate<Response::Topic>(request.topics.size());
  draft.outs = context.allocate<std::span<PartitionOut>>(request.topics.size());
  draft.grants = context.allocate<Grant>(count_partitions(request));
  for (std::size_t i = 0; i < draft.outs.size() && !context.out_of_memory; ++i) {
    draft.outs[i] = context.allocate<PartitionOut>(request.topics[i].partitions.size());
    draft.topics[i].topic = request.topics[i].topic;
    draft.topics[i].topic_id = request.topics[i].topic_id;
    draft.topics[i].partitions = draft.outs[i];
  }
  return draft;
}

Survey survey_all(Context& context, const Request& request, Draft& draft) {
  Survey survey{
      static_cast<std::size_t>(std::clamp<std::int64_t>(request.max_bytes, 0, kBytesMax))};
  std::size_t next = 0;
  for (std::size_t i = 0; i < request.topics.size(); ++i) {
    const Request::Topic& in = request.topics[i];
    Topic* topic = context.version >= kTopicIdsFrom ? context.cluster.find_topic(in.topic_id)
                                                    : context.cluster.find_topic(in.topic);
    for (std::size_t j = 0; j < in.partitions.size(); ++j) {
      draft.grants[next++] = survey_one(context, request.isolation_level == kReadCommitted, topic,
                                        in.partitions[j], draft.outs[i][j], survey);
    }
  }
  return survey;
}

}  // namespace

// No fetch sessions: every answer says session 0, so clients go on sending full requests (KIP-227).
Reply handle(Context& context, const Request& request, Response& response) {
  if (request.session_id != 0) {
    response.error_code = code_of(KafkaError::kFetchSessionIdNotFound);
    return Reply::Answer;
  }
  Draft draft = allocate_draft(context, request);
  if (context.out_of_memory) return Reply::Close;
  const Survey survey = survey_all(context, request, draft);
  if (must_wait(context, request, survey)) {
    context.wake_at = deadline_of(context, request);
    return Reply::Park;
  }
  context.scratch.reserve(survey.bytes);  // views of it go into the answer: it must not move
  read_records(context, request, draft.grants, draft.outs);
  response.topics = draft.topics;
  return Reply::Answer;
}

}  // namespace spillway::dev
