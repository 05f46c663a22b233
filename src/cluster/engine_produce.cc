// Produce requests: what goes out together, and what comes of it.

#include <algorithm>

#include "base/check.h"
#include "cluster/backoff.h"
#include "cluster/engine.h"
#include "cluster/outcome.h"
#include "wire/arena.h"
#include "wire/reader.h"

namespace spillway {
namespace {

constexpr std::int16_t kProduceV1 = 11;  // from 12 on it adds its partitions to the transaction

constexpr auto kThrottleMax = std::chrono::minutes(2);  // Kafka's windows of 1 s × 11 ask for less
constexpr std::int16_t kProduceByName = 12;

bool answers_batch(const Batch& batch, const Topics& topics,
                   const wire::ProduceResponse::Topic& topic, std::int32_t index,
                   bool by_id) noexcept {
  const Partition& partition = *batch.partition;
  if (partition.index != index) return false;
  return by_id ? topics.uuid(partition.topic) == topic.topic_id
               : topics.name(partition.topic) == topic.name;
}

// Unlinks the batch that an answer is about. Answers come in the order of the request, so it is
// nearly always the first.
Batch* take_batch(Batch*& list, const Topics& topics, const wire::ProduceResponse::Topic& topic,
                  std::int32_t index, bool by_id) noexcept {
  for (Batch** place = &list; *place != nullptr; place = &(*place)->next) {
    if (!answers_batch(**place, topics, topic, index, by_id)) continue;
    Batch* batch = *place;
    *place = batch->next;
    batch->next = nullptr;
    return batch;
  }
  return nullptr;
}

}  // namespace

void Engine::send_ready(MonoTime now) noexcept {
  for (std::uint32_t i = 0; i < connections_max(options_); ++i) {
    Session& session = sessions_[i];
    while (!session.ready_list.empty() && session.is_ready() && send_one(session, now)) {
    }
  }
}

// False: nothing more can go to this broker now.
bool Engine::send_one(Session& session, MonoTime now) noexcept {
  if (!session.can_start_frame() || now < session.silent_until) return false;
  if (session.in_flight() >= static_cast<std::size_t>(options_.in_flight_max)) return false;
  const std::size_t count = choose(session);
  if (count == 0) return false;
  const std::span chosen{scratch_->chosen.data(), count};
  for (Partition* partition : chosen) {
    Batch& batch = *partition->head;
    if (batch.sends > 0) continue;
    batch.order = partition->next_order++;
    if (!options_.idempotence) {
      batch.seal({}, -1);
      continue;
    }
    if (partition->identity.id < 0) partition->identity = identity_;
    batch.seal(partition->identity, partition->next_sequence, transactional());
    partition->next_sequence = static_cast<std::int32_t>(
        (static_cast<std::uint32_t>(partition->next_sequence) + batch.record_count()) &
        0x7fffffffU);
  }
  const std::int16_t version = produce_version(session, chosen);
  if (!session.start(describe(chosen), version, options_.client_id, now)) {
    // Topic names too long for the buffer: fewer partitions will fit. A single one always does
    // (names have 249 bytes).
    SPILL_CHECK(count > 1, "a request for one partition fits the send buffer");
    put_back(chosen);
    return false;
  }
  depart(session, chosen, now);
  after_flush(session, now);
  return true;
}

std::int16_t Engine::produce_version(const Session& session,
                                     std::span<Partition*> chosen) const noexcept {
  const std::int16_t version = session.version(wire::ApiKey::kProduce);
  if (transactional() && !txn_.v2) return std::min(version, kProduceV1);
  // A broker whose metadata is too old to have told the ids of topics.
  const auto nameless = [this](const Partition* each) {
    return topics_.uuid(each->topic) == wire::Uuid{};
  };
  return std::ranges::any_of(chosen, nameless) ? std::min(version, kProduceByName) : version;
}

// Takes partitions off the ready list until the request is full. Sorted by topic, as the request
// groups them.
std::size_t Engine::choose(Session& session) noexcept {
  std::size_t count = 0;
  std::size_t bytes = 0;
  std::size_t header_bytes = 0;
  while (Partition* partition = session.ready_list.front()) {
    pack(*partition->head);
    if (partition->head->packing) {  // comes back when it is done
      move(*partition, Partition::Place::Parked);
      continue;
    }
    const std::size_t size = partition->head->wire_size();
    header_bytes += 16 + topics_.name(partition->topic).size();
    if (count == kRequestPartitionsMax) break;
    if (count > 0 && (bytes + size > kRequestBytesMax || header_bytes + 256 > Session::kSendBytes))
      break;
    session.ready_list.remove(*partition);
    partition->place = Partition::Place::Idle;
    scratch_->chosen[count++] = partition;
    bytes += size;
  }
  std::sort(scratch_->chosen.begin(), scratch_->chosen.begin() + static_cast<std::ptrdiff_t>(count),
            [](const Partition* a, const Partition* b) {
              return a->topic != b->topic ? a->topic < b->topic : a->index < b->index;
            });
  return count;
}

void Engine::put_back(std::span<Partition*> chosen) noexcept {
  for (Partition* partition : chosen) move(*partition, Partition::Place::Ready);
}

wire::ProduceRequest Engine::describe(std::span<Partition*> chosen) noexcept {
  std::size_t topic_count = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const Batch* batch = chosen[i]->head;
    scratch_->partitions[i] = {
        chosen[i]->index,
        wire::Records::spliced(batch->wire_size(), reinterpret_cast<std::uint64_t>(batch))};
    if (i + 1 < chosen.size() && chosen[i + 1]->topic == chosen[i]->topic) continue;
    const std::uint32_t topic = chosen[i]->topic;
    scratch_->topics[topic_count++] = {
        topics_.name(topic), topics_.uuid(topic),
        std::span(scratch_->partitions).subspan(begin, i + 1 - begin)};
    begin = i + 1;
  }
  wire::ProduceRequest request;
  if (transactional()) request.transactional_id = options_.transactional_id;
  request.acks = static_cast<std::int16_t>(options_.acks);
  request.timeout_ms = static_cast<std::int32_t>(options_.request_timeout.count());
  request.topics = std::span(scratch_->topics).first(topic_count);
  return request;
}

// The frame is in the session's buffer: its batches leave their queues.
void Engine::depart(Session& session, std::span<Partition*> chosen, MonoTime now) noexcept {
  InFlight& request = session.newest();
  request.expects_answer = options_.acks != Acks::None;
  Batch** end = &request.batches;
  for (Partition* partition : chosen) {
    Batch* batch = partition->pop_front();
    add(batch->sends == 0 ? counters_.batches_sent : counters_.batches_retried, 1);
    add(counters_.batch_bytes_sent, batch->wire_size());
    if (batch->sends == 0 && options_.idempotence) partition->enter_window(*batch);
    if (batch->sends < UINT16_MAX) ++batch->sends;  // 0 is for what never went out
    batch->in_flight = true;
    ++partition->in_flight;
    *end = batch;
    end = &batch->next;
    reschedule(*partition, now);
  }
  add(counters_.requests_in_flight, 1);
  txn_.empty = false;
}

// Nobody answers a request with acks 0: once its bytes are with the kernel it is as delivered as it
// can be.
void Engine::after_flush(Session& session, MonoTime now) noexcept {
  if (!session.flush(transport_)) return;
  wire::ProduceResponse::Partition unanswered;
  unanswered.base_offset = -1;
  while (session.any_in_flight() && !session.oldest().expects_answer) {
    InFlight request = session.pop_oldest();
    add(counters_.requests_in_flight, std::uint64_t{0} - 1);
    while (Batch* batch = request.batches) {
      request.batches = batch->next;
      settle(*batch, unanswered, now);
    }
  }
}

bool Engine::on_produce(Session& session, InFlight request, std::span<const std::byte> frame) {
  const MonoTime now = transport_.now();
  wire::Arena arena({arena_memory_.get(), arena_bytes_});
  wire::Reader in(frame);
  wire::ResponseHeader header;
  header.decode(in, arena, wire::header_version_response(request.api, request.version));
  wire::ProduceResponse response;
  const bool decoded = response.decode(in, arena, request.version);
  if (decoded && response.throttle_time_ms > 0) {
    // A broker that lies must not make us hold what is in flight for weeks.
    session.silent_until =
        now +
        std::min<MonoDuration>(std::chrono::milliseconds(response.throttle_time_ms), kThrottleMax);
    add(counters_.throttled_ms, static_cast<std::uint64_t>(response.throttle_time_ms));
  }
  for (const auto& topic : response.topics) {
    for (const auto& part : topic.partitions) {
      Batch* batch = take_batch(request.batches, topics_, topic, part.index, request.version >= 13);
      if (batch != nullptr) on_answer(*batch, part, now);  // else an answer to nothing we asked
    }
  }
  // What the answer did not mention is as if the answer had been lost.
  take_back(request, now);
  return decoded;
}

void Engine::on_answer(Batch& batch, const wire::ProduceResponse::Partition& answer,
                       MonoTime now) noexcept {
  Partition& partition = *batch.partition;
  settle(batch, answer, now);
  // KIP-951: the broker that refused tells who leads now.
  const auto& leader = answer.current_leader;
  if (leader.leader_id >= 0 && leader.leader_epoch > partition.leader_epoch) {
    set_leader(partition, leader.leader_id, leader.leader_epoch);
  }
}

// A produce request is over without an answer to what is left of it: that may or may not be in the
// log.
void Engine::take_back(InFlight& request, MonoTime now) noexcept {
  add(counters_.requests_in_flight, std::uint64_t{0} - 1);
  while (Batch* batch = request.batches) {
    request.batches = batch->next;
    batch->next = nullptr;
    batch->in_doubt = true;
    give_back(*batch);
    retry(*batch, true, now);
  }
}

void Engine::settle(Batch& batch, const wire::ProduceResponse::Partition& answer,
                    MonoTime now) noexcept {
  Partition& partition = *batch.partition;
  const std::int16_t error = answer.error_code;
  const Verdict verdict = judge(error, options_.idempotence, partition.draining);
  batch.in_doubt = !verdict.rules_out && (batch.in_doubt || verdict.raises_doubt);
  give_back(batch);
  const bool fresh_start =
      verdict.outcome == Outcome::NewIdentity || verdict.outcome == Outcome::NewEpoch;
  switch (transactional() && fresh_start ? Outcome::Failed : verdict.outcome) {
    case Outcome::Delivered:
      partition.attempts = 0;
      partition.known = true;
      end(batch, Fate::Delivered, Reason::None, error, error == 0 ? answer.base_offset : -1);
      return reschedule(partition, now);
    case Outcome::Failed:
      if (send_in_parts(batch, error, answer.record_errors, now)) return;
      if (options_.idempotence) partition.gap = true;
      end(batch, batch.in_doubt ? Fate::Unknown : Fate::Failed, Reason::Rejected, error, -1);
      return reschedule(partition, now);
    case Outcome::NewIdentity:
      if (partition.identity.id == identity_.id) identity_ = {};
      [[fallthrough]];
    case Outcome::NewEpoch:
      partition.gap = true;
      if (batch.in_doubt) {  // the broker cannot tell any more, so nobody ever will
        end(batch, Fate::Unknown, Reason::SequenceLost, error, -1);
        return reschedule(partition, now);
      }
      [[fallthrough]];
    case Outcome::Retry:
      return retry(batch, verdict.refresh_metadata, now);
  }
}

void Engine::give_back(Batch& batch) noexcept {
  SPILL_CHECK(batch.in_flight && batch.partition->in_flight > 0,
              "a batch comes back once from each flight");
  batch.in_flight = false;
  --batch.partition->in_flight;
}

void Engine::retry(Batch& batch, bool refresh_metadata, MonoTime now) noexcept {
  Partition& partition = *batch.partition;
  if (aborting_) {
    end_aborted(batch);
    return reschedule(partition, now);
  }
  if (vanished(partition)) {
    end(batch, batch.in_doubt ? Fate::Unknown : Fate::Failed, Reason::UnknownTopic, 0, -1);
    return reschedule(partition, now);
  }
  metadata_wanted_ |= refresh_metadata;
  if (!partition.draining) {
    partition.draining = true;
    partition.retry_at = now + backoff(options_.retry_backoff, options_.retry_backoff_max,
                                       partition.attempts, random_);
    if (partition.attempts < UINT16_MAX) ++partition.attempts;
  }
  partition.push_retry(batch);
  reschedule(partition, now);
}

}  // namespace spillway
