// Connections, and what the cluster says about itself: versions, brokers, leaders, our producer id.

#include <algorithm>
#include <cstdio>

#include "base/check.h"
#include "cluster/answer.h"
#include "cluster/backoff.h"
#include "cluster/engine.h"
#include "spillway/version.h"
#include "wire/arena.h"
#include "wire/errors.h"
#include "wire/reader.h"

namespace spillway {
namespace {

using wire::ApiKey;

// Between two looks for a leader that is missing: an election takes about as long.
constexpr std::chrono::milliseconds kLeaderlessMax{250};

bool is_of_transaction(ApiKey api) noexcept {
  return api == ApiKey::kInitProducerId || api == ApiKey::kFindCoordinator ||
         api == ApiKey::kAddPartitionsToTxn || api == ApiKey::kAddOffsetsToTxn ||
         api == ApiKey::kTxnOffsetCommit || api == ApiKey::kEndTxn;
}

}  // namespace

void Engine::on_connected(ConnectionId id) {
  Session* session = session_of(id);
  if (session == nullptr) return;
  session->connected();
  ask_versions(*session, wire::ApiVersionsRequest::kVersionMax);
}

void Engine::on_writable(ConnectionId id) {
  Session* session = session_of(id);
  if (session != nullptr) after_flush(*session, transport_.now());
}

void Engine::on_readable(ConnectionId id) {
  Session* session = session_of(id);
  if (session == nullptr) return;
  std::span<const std::byte> frame;
  const char* why = nullptr;
  for (;;) {  // as many frames as have arrived
    const Session::Read read = session->read_frame(transport_, large_, frame, why);
    if (read == Session::Read::Nothing) return;
    if (read == Session::Read::Broken) return close_session(*session, why);
    if (!on_frame(*session, frame))
      return close_session(*session, "it sent an answer that does not decode");
    if (session->connection() != id) return;  // the answer made us hang up
    after_flush(*session, transport_.now());  // behind it may be requests that nobody answers
  }
}

bool Engine::on_frame(Session& session, std::span<const std::byte> frame) {
  const auto correlation = wire::peek_correlation_id(frame);
  if (!session.any_in_flight() || correlation != session.oldest().correlation) return false;
  // An answer to a request that is not out yet: its batches are still being written.
  if (session.sending() && session.in_flight() == 1) return false;
  const InFlight request = session.pop_oldest();
  switch (request.api) {
    case ApiKey::kApiVersions:
      return on_versions(session, request, frame);
    case ApiKey::kSaslHandshake:
      return on_handshake(session, request, frame);
    case ApiKey::kSaslAuthenticate:
      return on_authenticate(session, request, frame);
    default:
      session.answers = true;
  }
  switch (request.api) {
    case ApiKey::kProduce:
      return on_produce(session, request, frame);
    case ApiKey::kMetadata:
      return on_metadata(request, frame);
    case ApiKey::kInitProducerId:
      return transactional() ? on_transaction(request, frame) : on_identity(request, frame);
    case ApiKey::kFindCoordinator:
    case ApiKey::kAddPartitionsToTxn:
    case ApiKey::kAddOffsetsToTxn:
    case ApiKey::kTxnOffsetCommit:
    case ApiKey::kEndTxn:
      return on_transaction(request, frame);
    default:
      return false;
  }
}

void Engine::on_closed(ConnectionId id, CloseCause cause, const char* detail) {
  Session* session = session_of(id);
  if (session == nullptr) return;
  const bool by_peer = cause == CloseCause::PeerClosed || cause == CloseCause::Reset;
  if (!by_peer || !session->is_ready() || session->answers || sasl_ != nullptr)
    return lost(*session, detail);
  lost(*session, (std::string(detail) +
                  " at our first request: if this listener expects SASL, set Options::sasl")
                     .c_str());
}

void Engine::close_session(Session& session, const char* why) {
  if (session.state() == Session::State::Down) return;
  transport_.close(session.connection());
  lost(session, why);
}

// The connection is dead and nothing reads our bytes any more. `why` nullptr: we hung up for lack
// of use.
void Engine::lost(Session& session, const char* why) {
  const MonoTime now = transport_.now();
  if (why != nullptr) trouble(session, why);
  if (session.is_up()) add(counters_.brokers_connected, std::uint64_t{0} - 1);
  take_back(session, now);
  session.down();
  if (large_.owner == &session) large_.owner = nullptr;
  if (why == nullptr) return;
  session.retry_at =
      now + backoff(options_.retry_backoff, options_.retry_backoff_max, session.failures, random_);
  if (session.failures < UINT16_MAX) ++session.failures;
  leave_unreachable(session);
  metadata_wanted_ = true;  // perhaps it leads nothing any more
}

// What was in flight may or may not be in the log.
void Engine::take_back(Session& session, MonoTime now) noexcept {
  while (session.any_in_flight()) {
    InFlight request = session.pop_oldest();
    if (request.api == ApiKey::kMetadata) metadata_asked_ = false;
    if (request.api == ApiKey::kProduce) {
      take_back(request, now);
    } else if (request.api == ApiKey::kInitProducerId && !transactional()) {
      identity_asked_ = false;
    } else if (is_of_transaction(request.api)) {
      lose_step(now);
    }
  }
}

Session* Engine::ready_session(MonoTime now) noexcept {
  Session* best = nullptr;
  for (std::uint32_t i = 0; i < connections_max(options_); ++i) {
    Session& session = sessions_[i];
    if (!session.is_ready() || !session.can_start_frame() || now < session.silent_until) continue;
    if (best == nullptr || session.in_flight() < best->in_flight()) best = &session;
  }
  return best;
}

void Engine::ask_cluster(MonoTime now) {
  for (std::uint32_t i = 0; i < connections_max(options_); ++i) {
    Session& session = sessions_[i];
    if (session.any_in_flight() && session.answer_due(options_.request_timeout) <= now) {
      close_session(session, "it did not answer within the request timeout");
    }
  }
  if (now >= metadata_due_) {
    metadata_wanted_ = true;
    metadata_due_ = kNever;
  }
  const bool want_metadata = metadata_wanted_ && !metadata_asked_ && now >= metadata_at_;
  const bool want_identity = options_.idempotence && !transactional() && identity_.id < 0 &&
                             !identity_asked_ && now >= identity_at_;
  if (!want_metadata && !want_identity) return;
  if (Session* session = want_metadata ? ready_session(now) : nullptr) ask_metadata(*session, now);
  if (Session* session = want_identity ? ready_session(now) : nullptr) ask_identity(*session, now);
}

void Engine::ask_metadata(Session& session, MonoTime now) {
  wire::Arena arena({arena_memory_.get(), arena_bytes_});
  const std::uint32_t count = topics_.count();
  auto* topics = arena.allocate<wire::MetadataRequest::Topic>(count);
  SPILL_CHECK(topics != nullptr, "the arena has room for topics_max names");
  for (std::uint32_t i = 0; i < count; ++i) topics[i].name = topics_.name(i);
  wire::MetadataRequest request;
  request.topics = std::span<const wire::MetadataRequest::Topic>(topics, count);
  request.allow_auto_topic_creation = false;
  if (!session.start(request, session.version(ApiKey::kMetadata), options_.client_id, now)) {
    return trouble(
        session,
        "the topics' names do not fit one metadata request: use fewer topics in one producer");
  }
  metadata_wanted_ = false;
  metadata_asked_ = true;
  after_flush(session, now);
}

bool Engine::on_metadata(const InFlight& request, std::span<const std::byte> frame) {
  const MonoTime now = transport_.now();
  metadata_asked_ = false;
  wire::Arena arena({arena_memory_.get(), arena_bytes_});
  wire::MetadataResponse response;
  if (!decode_answer(request, frame, arena, response)) return false;
  if (static_cast<wire::ErrorCode>(response.error_code) == wire::ErrorCode::kRebootstrapRequired) {
    rebootstrap();
    return true;
  }
  apply_brokers(response);
  for (const auto& topic : response.topics) apply_topic(topic);
  forget_brokers();
  bool complete = topics_.all_ready();  // one that does not exist may be made any time
  for (const Partition& partition : topics_.all_partitions()) {
    complete &= partition.leader != nullptr || vanished(partition);
  }
  metadata_failures_ = complete ? std::uint16_t{0}
                                : static_cast<std::uint16_t>(std::min(metadata_failures_ + 1, 100));
  metadata_wanted_ |= !complete;
  metadata_at_ =
      now + backoff(options_.retry_backoff, std::min(options_.retry_backoff_max, kLeaderlessMax),
                    metadata_failures_, random_);
  metadata_due_ = now + options_.metadata_age_max;
  parked_until_ = now;
  return true;
}

void Engine::apply_topic(const wire::MetadataResponse::Topic& topic) {
  using enum wire::ErrorCode;
  if (!topic.name.has_value()) return;
  const auto id = topics_.find(*topic.name);
  if (!id) return;
  const auto error = static_cast<wire::ErrorCode>(topic.error_code);
  if (error == kUnknownTopicOrPartition || error == kInvalidTopic ||
      error == kTopicAuthorizationFailed) {
    topics_.mark_unknown(*id, topic.error_code);
    return;
  }
  if (error != kNone) return;  // LEADER_NOT_AVAILABLE and its like: ask again
  std::int32_t count = 0;
  for (const auto& part : topic.partitions) count = std::max(count, part.partition_index + 1);
  if (count > static_cast<std::int32_t>(topic.partitions.size()))
    return;  // holes: the broker is lying
  const bool again = topics_.made_again(*id, topic.topic_id);
  const std::int32_t known = topics_.partition_count(*id);
  if (!topics_.describe(*id, topic.topic_id, count)) {
    fates_.event(
        Severity::Error,
        "Options::partitions_max is reached: raise it to use every partition of this topic");
  }
  for (std::int32_t i = 0; again && i < known; ++i) restart(topics_.partition(*id, i));
  for (const auto& part : topic.partitions) {
    if (part.partition_index < 0 || part.partition_index >= topics_.partition_count(*id)) continue;
    set_leader(topics_.partition(*id, part.partition_index), part.leader_id, part.leader_epoch);
  }
}

// The topic was deleted and made again: another log, without any of our sequences.
void Engine::restart(Partition& partition) {
  partition.leader_epoch = -1;
  partition.known = false;
  partition.batch_bytes_max = UINT32_MAX;
  partition.gap |= options_.idempotence && partition.next_sequence != 0;
  partition.draining |= partition.in_flight > 0;  // that was for the old log
  if (vanished(partition)) {
    move(partition, Partition::Place::Parked);
    partition.leader = nullptr;
    while (Batch* batch = partition.head) {
      partition.remove(*batch);
      end(*batch, batch->in_doubt ? Fate::Unknown : Fate::Failed, Reason::UnknownTopic, 0, -1);
    }
  }
  reschedule(partition, transport_.now());
}

void Engine::set_leader(Partition& partition, std::int32_t node_id, std::int32_t epoch) {
  if (epoch >= 0 && epoch < partition.leader_epoch) return;  // an older view of the cluster
  Session* leader = node_id < 0 ? nullptr : broker(node_id);
  partition.leader_epoch = epoch;
  if (partition.leader == leader) return;
  const MonoTime now = transport_.now();
  move(partition, partition.head == nullptr ? Partition::Place::Idle : Partition::Place::Parked);
  partition.leader = leader;
  if (leader == nullptr && topics_.sticky(partition.topic).current() == partition.index)
    topics_.sticky(partition.topic).leave();
  // What the old leader still holds may be refused there: the new one must not get later batches
  // first.
  if (partition.in_flight > 0) partition.draining = true;
  reschedule(partition, now);
}

void Engine::ask_identity(Session& session, MonoTime now) {
  wire::InitProducerIdRequest request;
  request.transaction_timeout_ms = INT32_MAX;  // ignored without a transactional id
  SPILL_CHECK(
      session.start(request, session.version(ApiKey::kInitProducerId), options_.client_id, now),
      "a fixed request fits");
  identity_asked_ = true;
  after_flush(session, now);
}

bool Engine::on_identity(const InFlight& request, std::span<const std::byte> frame) {
  const MonoTime now = transport_.now();
  identity_asked_ = false;
  wire::Arena arena({arena_memory_.get(), arena_bytes_});
  wire::InitProducerIdResponse response;
  if (!decode_answer(request, frame, arena, response)) return false;
  if (response.error_code != 0 || response.producer_id < 0) {
    identity_at_ = now + backoff(options_.retry_backoff, options_.retry_backoff_max,
                                 identity_failures_, random_);
    if (identity_failures_ < UINT16_MAX) ++identity_failures_;
    char text[256];
    const auto& info = wire::error_info(response.error_code);
    std::snprintf(text, sizeof(text), "no producer id: %s (%s)", info.name, info.meaning);
    fates_.event(Severity::Warning, text);
    MutexLock lock(trouble_mutex_);
    trouble_ = {ErrorCode::Unreachable, text};
    return true;
  }
  identity_ = {response.producer_id, response.producer_epoch};
  identity_failures_ = 0;
  parked_until_ = now;
  return true;
}

void Engine::trouble(const Session& session, std::string_view why) {
  std::string sentence(why);
  if (!why.starts_with("broker ")) {  // the transport's sentences name it already
    sentence = "broker " + session.endpoint.host + ":" + std::to_string(session.endpoint.port) +
               ": " + sentence;
  }
  fates_.event(Severity::Warning, sentence);
  MutexLock lock(trouble_mutex_);
  trouble_ = {ErrorCode::Unreachable, std::move(sentence)};
}

Engine::Trouble Engine::last_trouble() const {
  MutexLock lock(trouble_mutex_);
  return trouble_;
}

}  // namespace spillway
