#include "cluster/engine.h"

#include <algorithm>

#include "base/check.h"
#include "cluster/murmur2.h"
#include "wire/errors.h"

namespace spillway {
namespace {

constexpr std::int16_t kProduceMin = 3;  // less: the broker has not told yet
constexpr std::int16_t kProduceWithZstd = 7;
constexpr std::size_t kLargeFrameBytes = 512 * kKiB;

// Decoding a metadata answer takes about 100 bytes a partition and its replica lists.
std::size_t arena_bytes(const Options& options) noexcept {
  return 64 * kKiB + std::size_t{options.partitions_max} * 192;
}

}  // namespace

Engine::Engine(const Options& options, std::vector<Endpoint> bootstrap, Pool& pool,
               Transport& transport, Fates& fates, Topics& topics)
    : options_(options),
      bootstrap_(std::move(bootstrap)),
      pool_(pool),
      transport_(transport),
      fates_(fates),
      topics_(topics),
      sasl_(options.sasl ? std::make_unique<SaslCredentials>(*options.sasl) : nullptr),
      random_(static_cast<std::uint64_t>(transport.now().time_since_epoch().count())),
      sessions_(std::make_unique<Session[]>(connections_max(options))),
      session_memory_(std::make_unique_for_overwrite<Session::Memory[]>(connections_max(options))),
      large_memory_(std::make_unique_for_overwrite<std::byte[]>(kLargeFrameBytes)),
      arena_memory_(std::make_unique_for_overwrite<std::byte[]>(arena_bytes(options))),
      loads_(std::make_unique<PartitionLoad[]>(options.partitions_max)),
      load_scratch_(std::make_unique<std::uint32_t[]>(options.partitions_max)),
      scratch_(std::make_unique<Scratch>()),
      packer_(options, transport),
      arena_bytes_(arena_bytes(options)),
      linger_(options.linger) {
  for (std::uint32_t i = 0; i < connections_max(options); ++i) sessions_[i].use(session_memory_[i]);
  large_.bytes = {large_memory_.get(), kLargeFrameBytes};
}

std::size_t Engine::memory_bytes(const Options& options) noexcept {
  return connections_max(options) * (sizeof(Session) + sizeof(Session::Memory)) + kLargeFrameBytes +
         arena_bytes(options) +
         options.partitions_max * (sizeof(PartitionLoad) + sizeof(std::uint32_t)) +
         sizeof(Scratch) + (options.sasl ? sizeof(SaslCredentials) : 0);
}

[[gnu::always_inline]] inline Partition& Engine::choose_partition(
    const StoredRecord& record) noexcept {
  const RecordHeader& header = *record.header;
  const std::int32_t count = topics_.partition_count(header.topic);
  if ((header.flags & RecordHeader::kHasPartition) != 0) {
    return topics_.partition(header.topic, header.partition_or_hash);
  }
  if ((header.flags & RecordHeader::kHasKey) != 0) {
    // Unsigned: librdkafka's CRC32 uses all 32 bits, murmur2 has lost its sign already.
    const auto hash = static_cast<std::uint32_t>(header.partition_or_hash);
    return topics_.partition(header.topic,
                             static_cast<std::int32_t>(hash % static_cast<std::uint32_t>(count)));
  }
  StickyPartitioner& sticky = topics_.sticky(header.topic);
  if (sticky.needs_switch()) switch_sticky(header.topic);
  return topics_.partition(header.topic, sticky.current());
}

[[gnu::always_inline]] inline Batch* Engine::writable_batch(Partition& partition,
                                                            std::size_t tail_size,
                                                            MonoTime now) noexcept {
  Batch* const batch = partition.open_batch();
  const std::size_t bytes_max =
      std::min<std::size_t>(options_.batch_bytes_max, partition.batch_bytes_max);
  if (batch != nullptr && batch->size_with(tail_size) <= bytes_max) [[likely]] {
    return batch;
  }
  return fresh_batch(partition, now);
}

Batch* Engine::fresh_batch(Partition& partition, MonoTime now) noexcept {
  if (Batch* const full = partition.open_batch()) pack(*full);  // may free the page that is missing
  Batch* const fresh = Batch::create(pool_, partition, now);
  if (fresh == nullptr) return nullptr;
  partition.push_back(*fresh);
  ages_.push_back(*fresh);
  fresh->number = ++batches_made_;
  add(counters_.payload_held_by, fresh->held_bytes());
  if (partition.place == Partition::Place::Lingering) reschedule(partition, now);  // one is full
  return fresh;
}

bool Engine::append(const StoredRecord& record, MonoTime now) noexcept {
  const RecordHeader& header = *record.header;
  Partition& partition = choose_partition(record);
  Batch* batch = writable_batch(partition, header.tail_size, now);
  if (batch == nullptr) return false;
  const std::size_t records_before = batch->records_size();
  const std::size_t held_before = batch->held_bytes();
  bool done = false;
  if (!record.large()) {
    done = batch->append_copy(record.tail(), header.timestamp_ms, header.completion, pool_);
  } else {
    std::array<std::span<const std::byte>, 3> parts;
    const std::size_t count = record.parts(parts);
    done = batch->append_reference({parts.data(), count}, record.block, header.generation,
                                   header.timestamp_ms, header.completion, pool_);
  }
  // A page taken for a record that then did not fit stays with its batch.
  add(counters_.payload_held_by, batch->held_bytes() - held_before);
  if (!done) {
    if (batch->record_count() == 0) {  // made for this record: nothing may be left of it
      partition.remove(*batch);
      ages_.remove(*batch);
      add(counters_.payload_held_by, 0 - batch->held_bytes());
      Batch::destroy(batch, pool_);
      reschedule(partition, now);
    }
    return false;
  }
  add(counters_.payload, batch->records_size() - records_before);
  if ((header.flags & (RecordHeader::kHasKey | RecordHeader::kHasPartition)) == 0) {
    topics_.sticky(header.topic).produced(header.tail_size);
  }
  if (partition.place == Partition::Place::Idle) reschedule(partition, now);
  return true;
}

// The batch takes no more records. When it shrinks, so does what it holds: an outage fills the
// budget with packed batches.
void Engine::pack(Batch& batch) noexcept {
  if (!batch.takes_records()) return;
  const Session* leader = batch.partition->leader;
  const std::int16_t produce =
      leader == nullptr ? std::int16_t{-1} : leader->version(wire::ApiKey::kProduce);
  if (produce >= kProduceMin && produce < kProduceWithZstd &&
      packer_.codec_of(topics_.name(batch.partition->topic)) == Codec::Zstd) {
    return batch.close();
  }
  const std::size_t records_before = batch.records_size();
  const std::size_t held_before = batch.held_bytes();
  packer_.pack(batch, topics_.name(batch.partition->topic), pool_);
  add(counters_.payload, batch.records_size() - records_before);
  add(counters_.payload_held_by, batch.held_bytes() - held_before);
}

void Engine::finish_packing(MonoTime now) noexcept {
  std::size_t records_before = 0;
  std::size_t held_before = 0;
  const auto before = [&](const Batch& batch) {
    records_before = batch.records_size();
    held_before = batch.held_bytes();
  };
  const auto after = [&](const Batch& batch) {
    add(counters_.payload, batch.records_size() - records_before);
    add(counters_.payload_held_by, batch.held_bytes() - held_before);
    reschedule(*batch.partition, now);
  };
  packer_.finish(pool_, before, after);
}

// A broker that cannot be reached takes nothing, and one in our rack is preferred; when nobody is
// left, everybody is.
void Engine::switch_sticky(std::uint32_t topic) noexcept {
  const auto count = static_cast<std::uint32_t>(topics_.partition_count(topic));
  bool any_near = false;
  for (std::uint32_t i = 0; i < count; ++i) {
    const Partition& partition = topics_.partition(topic, static_cast<std::int32_t>(i));
    const Session* leader = partition.leader;
    loads_[i] = {partition.queued + partition.in_flight, leader != nullptr && leader->reachable()};
    any_near |= loads_[i].available && leader->near;
  }
  for (std::uint32_t i = 0; any_near && i < count; ++i) {
    const Session* leader = topics_.partition(topic, static_cast<std::int32_t>(i)).leader;
    loads_[i].available = loads_[i].available && leader->near;
  }
  topics_.sticky(topic).switch_partition({loads_.get(), count}, {load_scratch_.get(), count});
}

void Engine::end(Batch& batch, Fate fate, Reason reason, std::int16_t kafka_error,
                 std::int64_t offset) noexcept {
  Partition& partition = *batch.partition;
  if (options_.idempotence && batch.sends > 0) partition.leave_window(batch);
  if (transactional() && fate != Fate::Delivered) [[unlikely]] {
    transaction_failed(
        "a record was not delivered: " + std::string(name_of(reason)) +
        (kafka_error == 0 ? "" : std::string(", ") + wire::error_info(kafka_error).name));
  }
  fates_.end(batch, {fate, reason, kafka_error, partition.index, offset, partition.topic});
  forget(batch);
}

bool Engine::prepare_to_send(Partition& partition, MonoTime now) noexcept {
  if (partition.leader == nullptr || now < partition.retry_at) return false;
  if (partition.head->packing) return false;
  if (partition.in_flight >= Partition::kInFlightMax) return false;
  if ((partition.draining || partition.gap) && partition.in_flight > 0) return false;
  if (options_.idempotence && partition.in_flight > 0) {
    if (!partition.known || (partition.head->sends == 0 && !partition.window_open())) return false;
  }
  partition.draining = false;
  if (!options_.idempotence) return true;
  if (transactional()) return may_join(partition);
  if (partition.gap && !(partition.head->sends > 0 && partition.head->in_doubt))
    start_epoch(partition);
  return !partition.gap ? identity_.id >= 0 || partition.identity.id >= 0
                        : partition.head->in_doubt;
}

// Only the coordinator may begin another epoch.
bool Engine::may_join(Partition& partition) noexcept {
  if (partition.gap) {
    transaction_failed("a sequence of the transaction was lost");
    return false;
  }
  const bool joined = txn_.v2 || partition.transaction == txn_.number;
  txn_.adds_wanted |= !joined;
  return joined && identity_.id >= 0;
}

// A sequence was lost for good, and nothing of this partition is in flight or in doubt: number what
// is left from 0 again.
void Engine::start_epoch(Partition& partition) noexcept {
  if (identity_.id < 0) return;  // comes back when there is a new one
  if (partition.identity.id == identity_.id) {
    if (identity_.epoch == INT16_MAX) {
      identity_ = {};
      return;
    }
    ++identity_.epoch;
    add(counters_.epoch_bumps, 1);
  }
  partition.identity = identity_;
  partition.next_sequence = 0;
  partition.known = false;
  partition.gap = false;
  partition.forget_sends();
}

void Engine::reschedule(Partition& partition, MonoTime now) noexcept {
  using enum Partition::Place;
  if (partition.head == nullptr) return move(partition, Idle);
  if (!prepare_to_send(partition, now)) {
    if (partition.retry_at > now) parked_until_ = std::min(parked_until_, partition.retry_at);
    return move(partition, Parked);
  }
  const Batch& head = *partition.head;
  const bool waits =
      head.sends == 0 && partition.queued == 1 && !hurry_ && now < head.created + linger_;
  // The lingering list is in the order of creation; whoever comes from elsewhere has waited
  // already.
  const bool may_wait = partition.place == Idle || partition.place == Lingering;
  move(partition, waits && may_wait ? Lingering : Ready);
}

void Engine::move(Partition& partition, Partition::Place place) noexcept {
  using enum Partition::Place;
  if (partition.place == place && place != Ready) return;
  if (partition.place == Lingering) lingering_.remove(partition);
  if (partition.place == Parked) parked_.remove(partition);
  if (partition.place == Ready) partition.leader->ready_list.remove(partition);
  partition.place = place;
  if (place == Lingering) lingering_.push_back(partition);
  if (place == Parked) parked_.push_back(partition);
  if (place == Ready) partition.leader->ready_list.push_back(partition);
}

void Engine::work(MonoTime now) {
  finish_packing(now);
  expire(now);
  release_parked(now);
  release_lingering(now);
  renew_logins(now);
  if (transactional()) work_transaction(now);
  connect_where_needed(now);
  ask_cluster(now);
  send_ready(now);
}

// Ends what is older than the delivery timeout. In flight it must wait for its answer or for the
// end of its connection, at most request_timeout: until then the kernel or the broker may still
// read its bytes (KAFKA-19012).
void Engine::expire(MonoTime now) noexcept {
  if (options_.delivery_timeout.count() == 0) return;
  Batch* next = nullptr;
  for (Batch* batch = ages_.front(); batch != nullptr; batch = next) {
    next = BatchAges::next(*batch);
    if (batch->created + options_.delivery_timeout > now) return;
    if (batch->in_flight) continue;
    Partition& partition = *batch->partition;
    if (batch->sends > 0 && options_.idempotence) partition.gap = true;
    const bool gone = topics_.state(partition.topic) == TopicState::Unknown;
    partition.remove(*batch);
    end(*batch, batch->in_doubt ? Fate::Unknown : Fate::Failed,
        gone ? Reason::UnknownTopic : Reason::DeliveryTimeout, 0, -1);
    reschedule(partition, now);
  }
}

void Engine::release_lingering(MonoTime now) noexcept {
  Partition* next = nullptr;
  for (Partition* partition = lingering_.front(); partition != nullptr; partition = next) {
    next = PartitionList::next(*partition);
    if (!hurry_ && partition->queued == 1 && now < partition->head->created + linger_) return;
    reschedule(*partition, now);
  }
}

void Engine::release_parked(MonoTime now) noexcept {
  if (now < parked_until_) return;
  parked_until_ = kNever;
  Partition* next = nullptr;
  for (Partition* partition = parked_.front(); partition != nullptr; partition = next) {
    next = PartitionList::next(*partition);
    reschedule(*partition, now);
  }
}

MonoTime Engine::deadline(MonoTime now) const noexcept {
  MonoTime due = std::min(parked_until_, metadata_due_);
  // What is due already waits for a session, and that comes with an event, not with time.
  if (metadata_wanted_ && !metadata_asked_ && metadata_at_ > now) due = std::min(due, metadata_at_);
  if (txn_.retry_at > now) due = std::min(due, txn_.retry_at);
  if (identity_.id < 0 && !identity_asked_ && identity_at_ > now) due = std::min(due, identity_at_);
  if (const Partition* first = lingering_.front())
    due = std::min(due, first->head->created + linger_);
  if (const Batch* oldest = ages_.front();
      oldest != nullptr && options_.delivery_timeout.count() != 0) {
    due = std::min(due, std::max(oldest->created + options_.delivery_timeout,
                                 now + std::chrono::milliseconds(10)));
  }
  for (std::uint32_t i = 0; i < connections_max(options_); ++i) {
    const Session& session = sessions_[i];
    if (session.any_in_flight()) due = std::min(due, session.answer_due(options_.request_timeout));
    if (session.state() == Session::State::Down && session.retry_at > now)
      due = std::min(due, session.retry_at);
    if (session.silent_until > now) due = std::min(due, session.silent_until);
    if (session.is_ready()) due = std::min(due, session.reauthenticate_at);
  }
  return due;
}

bool Engine::evict_oldest() noexcept {
  for (Batch* batch = ages_.front(); batch != nullptr; batch = BatchAges::next(*batch)) {
    if (batch->sends > 0) continue;
    Partition& partition = *batch->partition;
    partition.remove(*batch);
    end(*batch, Fate::Dropped, Reason::DropOldest, 0, -1);
    reschedule(partition, transport_.now());
    return true;
  }
  return false;
}

void Engine::abandon_all() noexcept {
  for (std::uint32_t i = 0; i < connections_max(options_); ++i)
    close_session(sessions_[i], nullptr);
  while (Batch* batch = ages_.front()) {
    batch->partition->remove(*batch);
    end(*batch, batch->in_doubt ? Fate::Unknown : Fate::Dropped, Reason::CloseDeadline, 0, -1);
  }
}

}  // namespace spillway
