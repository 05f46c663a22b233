// The transaction of a producer, as its coordinator sees it: see transaction.h for the states. One
// request at a time.

#include <algorithm>

#include "base/check.h"
#include "cluster/backoff.h"
#include "cluster/engine.h"
#include "wire/errors.h"

namespace spillway {
namespace {

using Ask = TransactionDesk::Ask;
using Step = TransactionWork::Step;
using State = TransactionState;

constexpr std::chrono::milliseconds kConcurrentPause{20};  // the one before is nearly done

}  // namespace

void Engine::work_transaction(MonoTime now) {
  if (desk_.asked(txn_.request.ticket)) take_request();
  const State state = desk_.state();
  aborting_ = state == State::AbortNeeded || state == State::Aborting || state == State::Fatal;
  if (aborting_) abort_batches(now);
  target_ = nullptr;
  if (txn_.step != Step::Nothing || now < txn_.retry_at) return;
  if (txn_.request.ask == Ask::SendOffsets && aborting_) finish_request(desk_.trouble());
  const Step step = next_step();
  if (step == Step::Nothing) return;
  Session* const session = session_for(step, now);
  if (session == nullptr || !session->is_ready() || !session->can_start_frame() ||
      now < session->silent_until) {
    return;
  }
  if (!send_step(*session, step, now)) return;
  txn_.step = step;
  after_flush(*session, now);
}

void Engine::take_request() {
  txn_.request = desk_.take();
  txn_.offsets_added = txn_.ended = false;
  txn_.offsets_done = 0;
  txn_.attempts = 0;
  txn_.retry_at = {};
  const Ask ask = txn_.request.ask;
  if (desk_.state() == State::Fatal || (ask == Ask::Commit && desk_.state() == State::AbortNeeded))
    return finish_request(desk_.trouble());
  if ((ask == Ask::Commit || ask == Ask::Abort) && txn_.empty && !txn_.bump_needed) finish_end();
}

Step Engine::next_step() const noexcept {
  const Ask ask = txn_.request.ask;
  const bool adds = txn_.adds_wanted && (ask == Ask::Nothing || ask == Ask::SendOffsets);
  if (ask == Ask::Nothing && !adds) return Step::Nothing;
  if (txn_.coordinator == nullptr) return Step::FindCoordinator;
  if (adds) return Step::AddPartitions;
  switch (ask) {
    case Ask::Init:
      return Step::InitProducerId;
    case Ask::SendOffsets:
      if (!txn_.v2 && !txn_.offsets_added) return Step::AddOffsets;
      return txn_.group_coordinator == nullptr ? Step::FindGroupCoordinator : Step::CommitOffsets;
    case Ask::Commit:
    case Ask::Abort:
      return txn_.ended || txn_.empty ? Step::InitProducerId : Step::EndTransaction;
    case Ask::Nothing:
      break;
  }
  return Step::Nothing;
}

// nullptr or not ready: connect_where_needed sees to it.
Session* Engine::session_for(Step step, MonoTime now) noexcept {
  if (step == Step::FindCoordinator || step == Step::FindGroupCoordinator) {
    coordinator_wanted_ = true;
    return ready_session(now);
  }
  Session*& known = step == Step::CommitOffsets ? txn_.group_coordinator : txn_.coordinator;
  Session* const session = known;
  target_ = session;
  if (session->state() == Session::State::Down && session->failures > 0) known = nullptr;
  return session;
}

// True: the step is done. Else what has to happen next is arranged.
bool Engine::advance(std::int16_t kafka_error, Step step, MonoTime now) {
  TransactionVerdict verdict = judge_transaction(kafka_error);
  // Nothing of it has reached the coordinator (v1): what is not open need not be aborted.
  const bool nothing_open =
      static_cast<wire::ErrorCode>(kafka_error) == wire::ErrorCode::kInvalidTxnState;
  if (nothing_open && step == Step::EndTransaction && txn_.request.ask == Ask::Abort)
    verdict = TransactionVerdict::Abortable;
  const wire::ErrorInfo& info = wire::error_info(kafka_error);
  const std::string sentence =
      std::string("the coordinator says ") + info.name + ": " + info.meaning;
  switch (verdict) {
    case TransactionVerdict::Done:
      txn_.attempts = 0;
      return true;
    case TransactionVerdict::FindAgain:
      (step == Step::CommitOffsets || step == Step::FindGroupCoordinator ? txn_.group_coordinator
                                                                         : txn_.coordinator) =
          nullptr;
      [[fallthrough]];
    case TransactionVerdict::Retry:
      retry_step(kafka_error, now);
      return false;
    case TransactionVerdict::Abortable:
      txn_.bump_needed = true;
      if (txn_.request.ask == Ask::Abort) {
        if (step == Step::InitProducerId) {
          transaction_fatal(ErrorCode::Rejected, sentence);
        } else {  // what was asked before the abort does not end it
          txn_.ended = step == Step::EndTransaction;
        }
      } else {
        transaction_failed(sentence);
        if (txn_.request.ask != Ask::Nothing) finish_request(desk_.trouble());
      }
      return false;
    case TransactionVerdict::Fenced:
      transaction_fatal(ErrorCode::ProducerFenced,
                        "another producer has opened with this transactional id (" +
                            std::string(info.name) + ")");
      return false;
    case TransactionVerdict::Fatal:
      transaction_fatal(ErrorCode::Rejected, sentence);
      return false;
  }
  return false;
}

void Engine::retry_step(std::int16_t kafka_error, MonoTime now) {
  const bool brief =
      static_cast<wire::ErrorCode>(kafka_error) == wire::ErrorCode::kConcurrentTransactions;
  txn_.retry_at = now + (brief ? MonoDuration(std::min(kConcurrentPause, options_.retry_backoff))
                               : backoff(options_.retry_backoff, options_.retry_backoff_max,
                                         txn_.attempts, random_));
  if (txn_.attempts < UINT16_MAX) ++txn_.attempts;
}

// The connection went with a request of ours: perhaps the coordinator is somewhere else now.
void Engine::lose_step(MonoTime now) {
  const Step step = std::exchange(txn_.step, Step::Nothing);
  (step == Step::CommitOffsets ? txn_.group_coordinator : txn_.coordinator) = nullptr;
  retry_step(0, now);
}

void Engine::finish_request(Result<void> result) {
  txn_.request.ask = Ask::Nothing;
  desk_.finish(txn_.request.ticket, std::move(result));
}

void Engine::finish_end() {
  ++txn_.number;
  txn_.empty = true;
  txn_.bump_needed = txn_.adds_wanted = false;
  txn_.group_coordinator = nullptr;  // the next one may be of another group
  aborting_ = false;
  txn_.request.ask = Ask::Nothing;
  desk_.finish_ready(txn_.request.ticket);
}

// A new epoch begins at 0 everywhere. With v2 a broker insists on that, so nothing can get in
// before the first batch.
void Engine::renew_partitions() noexcept {
  for (Partition& partition : topics_.all_partitions()) {
    SPILL_CHECK(partition.head == nullptr && partition.in_flight == 0,
                "a transaction ends when every record has a fate");
    partition.identity = {};
    partition.next_sequence = 0;
    partition.known = txn_.v2;
    partition.gap = partition.draining = false;
    partition.forget_sends();
  }
}

// Records that are not in flight end now, the others when their answers come.
void Engine::abort_batches(MonoTime now) noexcept {
  Batch* next = nullptr;
  for (Batch* batch = ages_.front(); batch != nullptr; batch = next) {
    next = BatchAges::next(*batch);
    if (batch->in_flight) continue;
    Partition& partition = *batch->partition;
    partition.remove(*batch);
    end_aborted(*batch);
    reschedule(partition, now);
  }
}

void Engine::end_aborted(Batch& batch) noexcept {
  const Fate fate = batch.in_doubt     ? Fate::Unknown
                    : batch.sends == 0 ? Fate::Dropped
                                       : Fate::Failed;
  end(batch, fate, Reason::TransactionAborted, 0, -1);
}

void Engine::transaction_failed(std::string sentence) {
  const State state = desk_.state();
  if (state != State::Open && state != State::Committing && state != State::Ending) return;
  txn_.bump_needed = true;
  desk_.fail(State::AbortNeeded, ErrorCode::TransactionAbortable, std::move(sentence));
}

void Engine::transaction_fatal(ErrorCode code, std::string sentence) {
  fates_.event(Severity::Error, sentence);
  desk_.fail(State::Fatal, code, std::move(sentence));
  if (txn_.request.ask != Ask::Nothing) finish_request(desk_.trouble());
}

}  // namespace spillway
