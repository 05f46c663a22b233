#include "testing/dev_broker/transactions.h"

#include <limits>

namespace spillway::dev {
namespace {

using Phase = Transaction::Phase;
using Identity = Transactions::Identity;

constexpr std::int16_t kEpochMax = std::numeric_limits<std::int16_t>::max() - 1;

void bump(Transaction& transaction, std::int16_t last_epoch) {
  transaction.last_epoch = last_epoch;
  transaction.epoch += 1;
}

Identity identity_of(const Transaction& transaction) {
  return {KafkaError::kNone, transaction.producer_id, transaction.epoch};
}

}  // namespace

Transaction* Transactions::find(std::string_view id) {
  const auto found = all_.find(id);
  return found == all_.end() ? nullptr : &found->second;
}

Identity Transactions::init(const Claim& claim, std::chrono::milliseconds timeout,
                            std::int64_t fresh_id, MonoTime now) {
  if (claim.transactional_id.empty()) return {KafkaError::kInvalidRequest};
  if (timeout.count() <= 0 || timeout > kTimeoutMax)
    return {KafkaError::kInvalidTransactionTimeout};
  Transaction* known = find(claim.transactional_id);
  if (known == nullptr) {
    if (all_.size() >= kIdsMax) return {KafkaError::kPolicyViolation};
    known = &all_[std::string(claim.transactional_id)];
    known->producer_id = fresh_id;
    known->epoch = 0;
    known->timeout = timeout;
    return identity_of(*known);
  }
  const bool continues = claim.producer_id >= 0;
  if (continues && claim.producer_id != known->producer_id) return {KafkaError::kProducerFenced};
  if (known->phase == Phase::Preparing) return {KafkaError::kConcurrentTransactions};
  if (known->phase == Phase::Ongoing) {  // whoever asks comes back and gets yet another epoch
    bump(*known, -1);
    prepare(*known, false, now);
    return {KafkaError::kConcurrentTransactions};
  }
  if (continues && claim.epoch == known->last_epoch) return identity_of(*known);  // its answer
  if (continues && claim.epoch != known->epoch) return {KafkaError::kProducerFenced};
  if (known->epoch >= kEpochMax) {
    known->producer_id = fresh_id;
    known->epoch = -1;
  }
  bump(*known, continues ? known->epoch : std::int16_t{-1});
  known->phase = Phase::Empty;
  known->timeout = timeout;
  return identity_of(*known);
}

KafkaError Transactions::check(const Transaction* transaction, const Claim& claim) const {
  if (transaction == nullptr || transaction->producer_id != claim.producer_id)
    return KafkaError::kInvalidProducerIdMapping;
  if (transaction->epoch != claim.epoch) return KafkaError::kProducerFenced;
  if (transaction->phase == Phase::Preparing) return KafkaError::kConcurrentTransactions;
  return KafkaError::kNone;
}

KafkaError Transactions::begin(Transaction* transaction, const Claim& claim, MonoTime now) {
  const KafkaError error = check(transaction, claim);
  if (error != KafkaError::kNone || transaction->phase == Phase::Ongoing) return error;
  transaction->phase = Phase::Ongoing;
  transaction->begun = now;
  return KafkaError::kNone;
}

KafkaError Transactions::add_partition(const Claim& claim, const PartitionName& partition,
                                       MonoTime now) {
  Transaction* transaction = find(claim.transactional_id);
  const KafkaError error = begin(transaction, claim, now);
  if (error != KafkaError::kNone) return error;
  if (transaction->partitions.size() >= kPartitionsMax) return KafkaError::kPolicyViolation;
  transaction->partitions.insert(partition);
  return KafkaError::kNone;
}

KafkaError Transactions::add_group(const Claim& claim, std::string_view group, MonoTime now) {
  Transaction* transaction = find(claim.transactional_id);
  const KafkaError error = begin(transaction, claim, now);
  if (error == KafkaError::kNone) transaction->offsets.try_emplace(std::string(group));
  return error;
}

KafkaError Transactions::add_offset(const Claim& claim, bool v2, std::string_view group,
                                    const PartitionName& partition, std::int64_t offset,
                                    MonoTime now) {
  Transaction* transaction = find(claim.transactional_id);
  const KafkaError error = v2 ? add_group(claim, group, now) : check(transaction, claim);
  if (error != KafkaError::kNone) return error;
  const auto found = transaction->offsets.find(std::string(group));
  if (transaction->phase != Phase::Ongoing || found == transaction->offsets.end())
    return KafkaError::kInvalidTxnState;
  if (found->second.size() >= kPartitionsMax) return KafkaError::kPolicyViolation;
  found->second[partition] = offset;
  return KafkaError::kNone;
}

KafkaError Transactions::admit(const Claim& claim, const PartitionName& partition, bool v2,
                               MonoTime now) {
  if (v2) {
    const KafkaError error = add_partition(claim, partition, now);
    return error == KafkaError::kProducerFenced ? KafkaError::kInvalidProducerEpoch : error;
  }
  const Transaction* const transaction = find(claim.transactional_id);
  const KafkaError error = check(transaction, claim);
  if (error == KafkaError::kProducerFenced) return KafkaError::kInvalidProducerEpoch;
  if (error != KafkaError::kNone) return error;
  const bool added =
      transaction->phase == Phase::Ongoing && transaction->partitions.contains(partition);
  return added ? KafkaError::kNone : KafkaError::kInvalidTxnState;
}

void Transactions::prepare(Transaction& transaction, bool commit, MonoTime now) {
  transaction.phase = Phase::Preparing;
  transaction.committed = commit;
  transaction.complete_at = now + end_delay_;
}

Identity Transactions::end(const Claim& claim, bool commit, bool v2, MonoTime now) {
  Transaction* transaction = find(claim.transactional_id);
  if (transaction == nullptr || transaction->producer_id != claim.producer_id)
    return {KafkaError::kInvalidProducerIdMapping};
  if (claim.epoch != transaction->epoch || transaction->phase != Phase::Ongoing) {
    transaction->v2 |= v2 && claim.epoch == transaction->epoch;
    return end_again(*transaction, claim, commit, now);
  }
  transaction->v2 = v2;
  if (v2) bump(*transaction, transaction->epoch);
  prepare(*transaction, commit, now);
  return identity_of(*transaction);
}

// The end of what is not open: the request is repeated, or nothing of the transaction got here.
Identity Transactions::end_again(Transaction& transaction, const Claim& claim, bool commit,
                                 MonoTime now) {
  const bool ended = transaction.phase == Phase::Preparing || transaction.phase == Phase::Complete;
  const bool repeats = transaction.v2 && ended && claim.epoch == transaction.last_epoch;
  if (claim.epoch != transaction.epoch && !repeats) return {KafkaError::kProducerFenced};
  if (ended && (repeats || !transaction.v2) && commit != transaction.committed)
    return {KafkaError::kInvalidTxnState};
  if (transaction.phase == Phase::Preparing) return {KafkaError::kConcurrentTransactions};
  if (ended && (repeats || !transaction.v2)) return identity_of(transaction);
  if (!transaction.v2 || commit || repeats) return {KafkaError::kInvalidTxnState};
  bump(transaction, transaction.epoch);  // v2: an abort of nothing still begins an epoch
  prepare(transaction, false, now);
  return identity_of(transaction);
}

void Transactions::tick(MonoTime now, const WriteMarkers& write_markers) {
  for (auto& [id, transaction] : all_) {
    if (transaction.phase == Phase::Ongoing && now >= transaction.begun + transaction.timeout) {
      bump(transaction, -1);
      prepare(transaction, false, now);
    }
    if (transaction.phase != Phase::Preparing || now < transaction.complete_at) continue;
    if (!write_markers(transaction)) continue;
    transaction.phase = Phase::Complete;
    transaction.partitions.clear();
    transaction.offsets.clear();
  }
}

}  // namespace spillway::dev
