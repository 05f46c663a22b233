#include "cluster/transaction.h"

#include <array>

#include "wire/errors.h"

namespace spillway {

const char* name_of(TransactionState state) noexcept {
  constexpr std::array kNames{"not initialized",
                              "ready, no transaction is open",
                              "open",
                              "being committed",
                              "being committed",
                              "being aborted",
                              "to be aborted",
                              "ended by an error that stays"};
  return kNames[static_cast<std::size_t>(state)];
}

bool TransactionDesk::begin() {
  MutexLock lock(mutex_);
  if (!move(TransactionState::Ready, TransactionState::Open)) return false;
  claimed_ = answered_;
  return true;
}

bool TransactionDesk::fits(Ask ask, TransactionState state) noexcept {
  using enum TransactionState;
  if (state == Fatal) return true;  // and is refused with the reason
  switch (ask) {
    case Ask::Init:
      return state == Uninitialized;
    case Ask::SendOffsets:
      return state != Uninitialized && state != Ready;
    case Ask::Commit:
      return state == Ending || state == AbortNeeded;
    case Ask::Abort:
      return state == Aborting;
    case Ask::Nothing:
      break;
  }
  return false;
}

std::optional<std::uint64_t> TransactionDesk::ask(Request request) {
  MutexLock lock(mutex_);
  if (!fits(request.ask, state())) return std::nullopt;
  const std::uint64_t newest = newest_.load(std::memory_order_relaxed);
  if (answered_ != newest) {
    if (request_.says_the_same(request)) return newest;
    return std::nullopt;
  }
  request.ticket = newest + 1;
  request_ = std::move(request);
  newest_.store(newest + 1, std::memory_order_release);
  return newest + 1;
}

std::optional<Result<void>> TransactionDesk::answer(std::uint64_t ticket) {
  MutexLock lock(mutex_);
  if (answered_ < ticket) return std::nullopt;
  claimed_ = answered_;
  return result_;
}

std::optional<Result<void>> TransactionDesk::unclaimed(Ask ask) {
  MutexLock lock(mutex_);
  if (request_.ask != ask || claimed_ == answered_ || answered_ != request_.ticket)
    return std::nullopt;
  claimed_ = answered_;
  return result_;
}

Error TransactionDesk::trouble() const {
  MutexLock lock(mutex_);
  return trouble_.value_or(Error(ErrorCode::InvalidTransactionState));
}

TransactionDesk::Request TransactionDesk::take() const {
  MutexLock lock(mutex_);
  return request_;
}

void TransactionDesk::finish(std::uint64_t ticket, Result<void> result) {
  {
    MutexLock lock(mutex_);
    answered_ = ticket;
    result_ = std::move(result);
  }
  changed_.notify_all();
}

void TransactionDesk::finish_ready(std::uint64_t ticket) {
  {
    MutexLock lock(mutex_);
    trouble_.reset();
    answered_ = ticket;
    result_ = {};
    state_.store(TransactionState::Ready, std::memory_order_seq_cst);
  }
  changed_.notify_all();
}

void TransactionDesk::fail(TransactionState state, ErrorCode code, std::string sentence) {
  MutexLock lock(mutex_);
  if (trouble_ && state != TransactionState::Fatal) return;
  if (state_.load(std::memory_order_relaxed) == TransactionState::Fatal) return;
  trouble_ = Error(code, std::move(sentence));
  state_.store(state, std::memory_order_seq_cst);
}

TransactionVerdict judge_transaction(std::int16_t kafka_error) noexcept {
  using enum wire::ErrorCode;
  switch (static_cast<wire::ErrorCode>(kafka_error)) {
    case kNone:
      return TransactionVerdict::Done;
    case kCoordinatorNotAvailable:
    case kNotCoordinator:
      return TransactionVerdict::FindAgain;
    case kInvalidProducerEpoch:
    case kProducerFenced:
      return TransactionVerdict::Fenced;
    case kTransactionAbortable:
    case kUnknownProducerId:
    case kInvalidProducerIdMapping:
    case kOperationNotAttempted:
    case kTopicAuthorizationFailed:
    case kGroupAuthorizationFailed:
    case kUnknownMemberId:
    case kIllegalGeneration:
    case kRebalanceInProgress:
    case kFencedInstanceId:
      return TransactionVerdict::Abortable;
    default:
      return wire::error_info(kafka_error).is_retriable ? TransactionVerdict::Retry
                                                        : TransactionVerdict::Fatal;
  }
}

}  // namespace spillway
