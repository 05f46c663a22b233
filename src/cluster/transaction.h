// Transactions between the callers who ask and the I/O thread that talks to the coordinator
// (KIP-98, KIP-890).
//
//   Uninitialized ─init─► Ready ─begin─► Open ─commit─► Committing ─► Ending ─► Ready
//                           ▲              │ something failed │
//                           │              ▼                  ▼
//                           └─ Aborting ◄─abort── AbortNeeded         any ─► Fatal: fenced, or
//                           refused for good
//
// Invariants
// 1. Records are accepted in Open only. Whoever leaves Open then takes every lane once, so that
// nobody is between the check and
//    the publish.
// 2. EndTxn is sent when every record has a fate, and a commit only if all of them are delivered.
// 3. One request of the transaction is under way at a time; it is repeated as it is until it is
// answered.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "ring/event_count.h"
#include "spillway/error.h"
#include "spillway/transaction.h"

namespace spillway {

class Session;

enum class TransactionState : std::uint8_t {
  Uninitialized,
  Ready,
  Open,
  Committing,  // waits for the fates of its records
  Ending,      // the coordinator is asked to commit: too late for an abort
  Aborting,
  AbortNeeded,
  Fatal,
};
[[nodiscard]] const char* name_of(TransactionState state) noexcept;

// Where callers leave what they want, and find what came of it.
class TransactionDesk {
 public:
  enum class Ask : std::uint8_t { Nothing, Init, SendOffsets, Commit, Abort };
  struct Request {
    Ask ask = Ask::Nothing;
    std::uint64_t ticket = 0;
    GroupMetadata group = {};
    std::vector<CommittedOffset> offsets = {};

    [[nodiscard]] bool says_the_same(const Request& other) const {
      return ask == other.ask && group == other.group && offsets == other.offsets;
    }
  };

  // --- any thread
  [[nodiscard]] TransactionState state() const noexcept {
    return state_.load(std::memory_order_seq_cst);
  }
  [[nodiscard]] bool takes_records() const noexcept {
    return state_.load(std::memory_order_relaxed) == TransactionState::Open;
  }
  [[nodiscard]] bool move(TransactionState from, TransactionState to) noexcept {
    return state_.compare_exchange_strong(from, to, std::memory_order_seq_cst);
  }
  // From Ready to Open. Answers to what came before are nobody's any more.
  [[nodiscard]] bool begin() EXCLUDES(mutex_);
  // Whether the state may be asked this. It may have moved on since the caller looked.
  [[nodiscard]] static bool fits(Ask ask, TransactionState state) noexcept;
  // The ticket of this request, or of the same one that is still under way. nullopt: another is, or
  // it does not fit.
  [[nodiscard]] std::optional<std::uint64_t> ask(Request request) EXCLUDES(mutex_);
  // nullopt: not yet.
  [[nodiscard]] std::optional<Result<void>> answer(std::uint64_t ticket) EXCLUDES(mutex_);
  // The answer that came after its caller had stopped waiting: for whoever calls again.
  [[nodiscard]] std::optional<Result<void>> unclaimed(Ask ask) EXCLUDES(mutex_);
  [[nodiscard]] EventCount<>& changed() noexcept { return changed_; }
  // Why only an abort is left, or nothing at all.
  [[nodiscard]] Error trouble() const EXCLUDES(mutex_);

  // --- the I/O thread
  [[nodiscard]] bool asked(std::uint64_t after) const noexcept {
    return newest_.load(std::memory_order_acquire) != after;
  }
  [[nodiscard]] Request take() const EXCLUDES(mutex_);
  void finish(std::uint64_t ticket, Result<void> result) EXCLUDES(mutex_);
  // The transaction is over and the next may begin: known together with the answer.
  void finish_ready(std::uint64_t ticket) EXCLUDES(mutex_);
  // The first trouble of a transaction stays.
  void fail(TransactionState state, ErrorCode code, std::string sentence) EXCLUDES(mutex_);

 private:
  std::atomic<TransactionState> state_{TransactionState::Uninitialized};
  std::atomic<std::uint64_t> newest_{0};
  EventCount<> changed_;
  mutable Mutex mutex_;
  Request request_ GUARDED_BY(mutex_);
  std::uint64_t answered_ GUARDED_BY(mutex_) = 0;
  std::uint64_t claimed_ GUARDED_BY(mutex_) = 0;
  Result<void> result_ GUARDED_BY(mutex_);
  std::optional<Error> trouble_ GUARDED_BY(mutex_);
};

// What the answer of a coordinator means.
enum class TransactionVerdict : std::uint8_t { Done, Retry, FindAgain, Abortable, Fenced, Fatal };
[[nodiscard]] TransactionVerdict judge_transaction(std::int16_t kafka_error) noexcept;

// The I/O thread's side of the request that is under way.
struct TransactionWork {
  enum class Step : std::uint8_t {
    Nothing,
    FindCoordinator,
    FindGroupCoordinator,
    InitProducerId,
    AddPartitions,
    AddOffsets,
    CommitOffsets,
    EndTransaction,
  };

  TransactionDesk::Request request;
  Step step = Step::Nothing;  // in flight
  bool offsets_added = false;
  std::size_t offsets_sent = 0;  // of request.offsets, in the request under way
  std::size_t offsets_done = 0;
  bool ended = false;  // EndTxn is answered
  MonoTime retry_at{};
  std::uint16_t attempts = 0;

  Session* coordinator = nullptr;
  Session* group_coordinator = nullptr;

  bool v2 = false;    // KIP-890: partitions and offsets add themselves, every end has a new epoch
  bool empty = true;  // the coordinator knows nothing of this transaction
  bool bump_needed = false;  // v1: something failed, so the next transaction needs a new epoch
  bool adds_wanted = false;  // v1: a partition waits to be added
  std::uint32_t number = 1;  // of the transaction; partitions remember it when they are added
};

}  // namespace spillway
