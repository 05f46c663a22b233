// What a transaction says to its coordinator, and how it reads the answers.

#include <algorithm>

#include "base/check.h"
#include "cluster/answer.h"
#include "cluster/engine.h"
#include "wire/errors.h"
#include "wire/messages/add_offsets_to_txn.h"
#include "wire/messages/add_partitions_to_txn.h"
#include "wire/messages/end_txn.h"
#include "wire/messages/find_coordinator.h"
#include "wire/messages/txn_offset_commit.h"

namespace spillway {
namespace {

using wire::ApiKey;
using Ask = TransactionDesk::Ask;
using Step = TransactionWork::Step;

constexpr std::int8_t kKeyIsGroup = 0;
constexpr std::int8_t kKeyIsTransaction = 1;
constexpr std::int16_t kTransactionsV2 = 2;  // of the feature transaction.version
constexpr std::int16_t kEndTxnV1 = 4;
constexpr std::int16_t kTxnOffsetCommitV1 = 4;
constexpr std::size_t kListBytesMax =
    Session::kSendBytes - 1024;  // names and numbers of one request

}  // namespace

bool Engine::send_step(Session& session, Step step, MonoTime now) {
  switch (step) {
    case Step::FindCoordinator:
      return send_find(session, options_.transactional_id, kKeyIsTransaction, now);
    case Step::FindGroupCoordinator:
      return send_find(session, txn_.request.group.group_id, kKeyIsGroup, now);
    case Step::InitProducerId:
      return send_init(session, now);
    case Step::AddPartitions:
      return send_add_partitions(session, now);
    case Step::AddOffsets: {
      wire::AddOffsetsToTxnRequest request;
      request.group_id = txn_.request.group.group_id;
      txn_.empty = false;
      return send_signed(session, request, session.version(ApiKey::kAddOffsetsToTxn), now);
    }
    case Step::CommitOffsets:
      return send_commit_offsets(session, now);
    case Step::EndTransaction: {
      wire::EndTxnRequest request;
      request.committed = txn_.request.ask == Ask::Commit;
      const std::int16_t version = session.version(ApiKey::kEndTxn);
      return send_signed(session, request, txn_.v2 ? version : std::min(version, kEndTxnV1), now);
    }
    case Step::Nothing:
      break;
  }
  return false;
}

// With who we are, as every request of a transaction but the first.
template <typename Request>
bool Engine::send_signed(Session& session, Request& request, std::int16_t version, MonoTime now) {
  request.transactional_id = options_.transactional_id;
  request.producer_id = identity_.id;
  request.producer_epoch = identity_.epoch;
  if (version >= 0 && session.start(request, version, options_.client_id, now)) return true;
  transaction_fatal(ErrorCode::Rejected,
                    version < 0 ? "the coordinator is too old for transactions"
                                : "the transactional id or the group's id is too long to be sent");
  return false;
}

bool Engine::send_find(Session& session, std::string_view key, std::int8_t type, MonoTime now) {
  const std::int16_t version = session.version(ApiKey::kFindCoordinator);
  wire::FindCoordinatorRequest request;
  request.key = key;
  request.key_type = type;
  request.coordinator_keys = std::span(&key, 1);
  if (version >= 1 && session.start(request, version, options_.client_id, now)) return true;
  transaction_fatal(ErrorCode::Rejected, "the broker is too old for transactions");
  return false;
}

bool Engine::send_init(Session& session, MonoTime now) {
  wire::InitProducerIdRequest request;
  request.transactional_id = options_.transactional_id;
  request.transaction_timeout_ms = static_cast<std::int32_t>(options_.transaction_timeout.count());
  request.producer_id = identity_.id;  // -1 at first; later a new epoch is what we want (KIP-360)
  request.producer_epoch = identity_.epoch;
  return session.start(request, session.version(ApiKey::kInitProducerId), options_.client_id, now);
}

// Those that have something to send and are not part of the transaction yet, by topic.
bool Engine::send_add_partitions(Session& session, MonoTime now) {
  std::size_t count = 0;
  std::size_t bytes = 0;
  for (Partition& partition : topics_.all_partitions()) {
    if (partition.head == nullptr || partition.transaction == txn_.number) continue;
    bytes += 16 + topics_.name(partition.topic).size();
    if (count == kRequestPartitionsMax || bytes > kListBytesMax) break;
    scratch_->chosen[count++] = &partition;
  }
  txn_.adds_wanted = count > 0;
  if (count == 0) return false;
  const std::span chosen{scratch_->chosen.data(), count};
  std::ranges::sort(chosen, {}, [](const Partition* each) { return each->topic; });
  wire::Arena arena({arena_memory_.get(), arena_bytes_});
  using Topic = wire::AddPartitionsToTxnRequest::Topic;
  auto* const topics = arena.allocate<Topic>(count);
  auto* const indexes = arena.allocate<std::int32_t>(count);
  SPILL_CHECK(topics != nullptr && indexes != nullptr, "the arena holds the lists of one request");
  std::size_t used = 0;
  for (std::size_t begin = 0, i = 0; i < count; ++i) {
    indexes[i] = chosen[i]->index;
    if (i + 1 < count && chosen[i + 1]->topic == chosen[i]->topic) continue;
    topics[used++] = {topics_.name(chosen[i]->topic), {indexes + begin, i + 1 - begin}};
    begin = i + 1;
  }
  wire::AddPartitionsToTxnRequest request;
  request.topics = {topics, used};
  txn_.empty = false;
  return send_signed(session, request, session.version(ApiKey::kAddPartitionsToTxn), now);
}

// As many offsets as one request holds; the caller has sorted them by topic.
bool Engine::send_commit_offsets(Session& session, MonoTime now) {
  using Topic = wire::TxnOffsetCommitRequest::Topic;
  using Offset = wire::TxnOffsetCommitRequest::Partition;
  const auto& offsets = txn_.request.offsets;
  wire::Arena arena({arena_memory_.get(), arena_bytes_});
  auto* const topics = arena.allocate<Topic>(offsets.size());
  auto* const partitions = arena.allocate<Offset>(offsets.size());
  SPILL_CHECK(topics != nullptr && partitions != nullptr, "the caller has checked the count");
  std::size_t used = 0;
  std::size_t bytes = 0;
  std::size_t i = txn_.offsets_done;
  for (std::size_t begin = i; i < offsets.size(); ++i) {
    const CommittedOffset& each = offsets[i];
    bytes += 48 + each.topic.size() + each.metadata.size();
    if (bytes > kListBytesMax && i > txn_.offsets_done) break;
    partitions[i] = {each.partition, each.offset, each.leader_epoch,
                     std::string_view(each.metadata)};
    if (i == begin || offsets[i - 1].topic != each.topic) {
      topics[used++] = {std::string_view(each.topic), {}};
      begin = i;
    }
    topics[used - 1].partitions = std::span<const Offset>(partitions + begin, i + 1 - begin);
  }
  txn_.offsets_sent = i;
  const GroupMetadata& group = txn_.request.group;
  wire::TxnOffsetCommitRequest request;
  request.group_id = group.group_id;
  request.generation_id = group.generation;
  request.member_id = group.member_id;
  if (!group.group_instance_id.empty()) request.group_instance_id = group.group_instance_id;
  request.topics = {topics, used};
  const std::int16_t version = session.version(ApiKey::kTxnOffsetCommit);
  txn_.empty = false;
  return send_signed(session, request, txn_.v2 ? version : std::min(version, kTxnOffsetCommitV1),
                     now);
}

bool Engine::on_transaction(const InFlight& request, std::span<const std::byte> frame) {
  const MonoTime now = transport_.now();
  const Step step = std::exchange(txn_.step, Step::Nothing);
  wire::Arena arena({arena_memory_.get(), arena_bytes_});
  switch (step) {
    case Step::FindCoordinator:
    case Step::FindGroupCoordinator:
      return on_coordinator(request, frame, arena, step);
    case Step::InitProducerId:
      return on_new_epoch(request, frame, arena);
    case Step::AddPartitions:
      return on_partitions_added(request, frame, arena);
    case Step::AddOffsets: {
      wire::AddOffsetsToTxnResponse response;
      if (!decode_answer(request, frame, arena, response)) return false;
      txn_.offsets_added = advance(response.error_code, step, now);
      return true;
    }
    case Step::CommitOffsets:
      return on_offsets_committed(request, frame, arena);
    case Step::EndTransaction:
      return on_ended(request, frame, arena);
    case Step::Nothing:
      break;
  }
  return false;
}

bool Engine::on_coordinator(const InFlight& request, std::span<const std::byte> frame,
                            wire::Arena& arena, Step step) {
  wire::FindCoordinatorResponse response;
  if (!decode_answer(request, frame, arena, response)) return false;
  wire::FindCoordinatorResponse::Coordinator found;
  if (request.version >= 4) {
    if (response.coordinators.empty()) return false;
    found = response.coordinators.front();
  } else {
    found = {{}, response.node_id, response.host, response.port, response.error_code, {}};
  }
  if (!advance(found.error_code, step, transport_.now())) return true;
  Session* const session = name_broker(found.node_id, found.host, found.port);
  if (session == nullptr) {
    transaction_fatal(ErrorCode::Rejected, "Options::brokers_max is reached by the coordinator");
    return true;
  }
  (step == Step::FindCoordinator ? txn_.coordinator : txn_.group_coordinator) = session;
  return true;
}

bool Engine::on_new_epoch(const InFlight& request, std::span<const std::byte> frame,
                          wire::Arena& arena) {
  wire::InitProducerIdResponse response;
  if (!decode_answer(request, frame, arena, response)) return false;
  if (!advance(response.error_code, Step::InitProducerId, transport_.now())) return true;
  identity_ = {response.producer_id, response.producer_epoch};
  if (txn_.request.ask == Ask::Init) {
    const Session& coordinator = *txn_.coordinator;
    txn_.v2 = coordinator.transaction_version >= kTransactionsV2 &&
              coordinator.version(ApiKey::kEndTxn) > kEndTxnV1;
  }
  renew_partitions();
  finish_end();
  return true;
}

bool Engine::on_partitions_added(const InFlight& request, std::span<const std::byte> frame,
                                 wire::Arena& arena) {
  const MonoTime now = transport_.now();
  wire::AddPartitionsToTxnResponse response;
  if (!decode_answer(request, frame, arena, response)) return false;
  for (const auto& topic : response.topics) {
    const auto id = topics_.find(topic.name);
    if (!id) continue;
    for (const auto& part : topic.partitions) {
      if (!advance(part.error_code, Step::AddPartitions, now)) continue;
      if (part.index < 0 || part.index >= topics_.partition_count(*id)) continue;
      Partition& partition = topics_.partition(*id, part.index);
      partition.transaction = txn_.number;
      reschedule(partition, now);
    }
  }
  return true;
}

bool Engine::on_offsets_committed(const InFlight& request, std::span<const std::byte> frame,
                                  wire::Arena& arena) {
  wire::TxnOffsetCommitResponse response;
  if (!decode_answer(request, frame, arena, response)) return false;
  for (const auto& topic : response.topics) {
    for (const auto& part : topic.partitions) {
      if (!advance(part.error_code, Step::CommitOffsets, transport_.now())) return true;
    }
  }
  txn_.offsets_done = txn_.offsets_sent;
  if (txn_.offsets_done == txn_.request.offsets.size()) finish_request({});
  return true;
}

bool Engine::on_ended(const InFlight& request, std::span<const std::byte> frame,
                      wire::Arena& arena) {
  wire::EndTxnResponse response;
  if (!decode_answer(request, frame, arena, response)) return false;
  const bool done = advance(response.error_code, Step::EndTransaction, transport_.now());
  // An abort that the coordinator does not understand any more is followed by a new epoch.
  if (!done && !txn_.ended) return true;
  txn_.ended = true;
  if (response.producer_id >= 0) {
    identity_ = {response.producer_id, response.producer_epoch};
    renew_partitions();
    txn_.bump_needed = false;
  }
  if (!txn_.bump_needed) finish_end();
  return true;
}

}  // namespace spillway
