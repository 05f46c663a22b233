// What callers of the transaction calls do: change the state, wait for what is under way, ask the
// I/O thread.

#include <algorithm>

#include "producer/core.h"

namespace spillway {
namespace {

using State = TransactionState;
using Ask = TransactionDesk::Ask;

constexpr std::size_t kOffsetsMax = 2'000;        // of one call: they are decoded from one arena
constexpr std::size_t kMetadataBytesMax = 4'096;  // Kafka's offset.metadata.max.bytes

Error wrong_state(State state) {
  return {ErrorCode::InvalidTransactionState, std::string("the transaction is ") + name_of(state)};
}

}  // namespace

Result<void> Core::may_call() const {
  if (!transactional_)
    return Error(ErrorCode::InvalidTransactionState, "Options::transactional_id is not set");
  if (fates_.inside_callback()) return ErrorCode::WouldDeadlock;
  if (closed_.load(std::memory_order_relaxed)) return ErrorCode::Closed;
  return {};
}

// The sentence of what went wrong, if the transaction cannot go on.
Error Core::refusal_of(State state) const {
  const bool failed = state == State::AbortNeeded || state == State::Fatal;
  return failed ? engine_.transactions().trouble() : wrong_state(state);
}

// TimedOut: it goes on, and the same call finds it again.
Result<void> Core::ask_and_wait(const TransactionDesk::Request& request, Patience& patience) {
  TransactionDesk& desk = engine_.transactions();
  std::optional<std::uint64_t> ticket;
  for (;;) {  // bounded by the deadline
    if (!ticket) {
      if (!TransactionDesk::fits(request.ask, desk.state())) {  // it came through just now
        if (auto late = desk.unclaimed(request.ask)) return std::move(*late);
        return refusal_of(desk.state());
      }
      ticket = desk.ask(request);
      if (ticket) transport_->wake();
    }
    if (ticket) {
      if (auto answer = desk.answer(*ticket)) return std::move(*answer);
    }
    if (closed_.load(std::memory_order_relaxed)) return ErrorCode::Closed;
    if (!patience.next(desk.changed())) return late_answer();
  }
}

Error Core::late_answer() const {
  const std::string trouble = engine_.last_trouble().sentence;
  return {ErrorCode::TimedOut, trouble.empty()
                                   ? "the coordinator did not answer in time; call again"
                                   : "the coordinator did not answer in time: " + trouble};
}

Result<void> Core::init_transactions(std::chrono::milliseconds deadline) {
  if (auto may = may_call(); !may) return may;
  if (auto late = engine_.transactions().unclaimed(Ask::Init)) return std::move(*late);
  const State state = engine_.transactions().state();
  if (state != State::Uninitialized) return refusal_of(state);
  Patience patience(deadline);
  return ask_and_wait({.ask = Ask::Init}, patience);
}

Result<void> Core::begin_transaction() {
  if (auto may = may_call(); !may) return may;
  TransactionDesk& desk = engine_.transactions();
  if (desk.begin()) return {};
  return refusal_of(desk.state());
}

Result<void> Core::send_offsets(std::span<const CommittedOffset> offsets,
                                const GroupMetadata& group, std::chrono::milliseconds deadline) {
  if (auto may = may_call(); !may) return may;
  if (group.group_id.empty()) return Error(ErrorCode::InvalidArgument, "group_id is empty");
  if (offsets.size() > kOffsetsMax)
    return Error(ErrorCode::InvalidArgument,
                 "offsets: at most " + std::to_string(kOffsetsMax) + " in one call");
  for (const CommittedOffset& each : offsets) {
    if (each.metadata.size() > kMetadataBytesMax)
      return Error(ErrorCode::InvalidArgument, "metadata of an offset: at most 4096 bytes");
  }
  const State state = engine_.transactions().state();
  if (state != State::Open) return refusal_of(state);
  if (offsets.empty()) return {};
  TransactionDesk::Request request{
      .ask = Ask::SendOffsets, .group = group, .offsets = {offsets.begin(), offsets.end()}};
  std::ranges::sort(request.offsets, {}, &CommittedOffset::topic);  // a request lists a topic once
  Patience patience(deadline);
  return ask_and_wait(request, patience);
}

Result<void> Core::commit_transaction(std::chrono::milliseconds deadline) {
  if (auto may = may_call(); !may) return may;
  TransactionDesk& desk = engine_.transactions();
  if (auto late = desk.unclaimed(Ask::Commit)) return std::move(*late);
  Patience patience(deadline);
  (void)desk.move(State::Open, State::Committing);
  if (desk.state() == State::Committing) {
    if (auto settled = settle_transaction(patience); !settled) return settled;
    (void)desk.move(State::Committing, State::Ending);
  }
  if (desk.state() != State::Ending) return refusal_of(desk.state());
  return ask_and_wait({.ask = Ask::Commit}, patience);
}

Result<void> Core::abort_transaction(std::chrono::milliseconds deadline) {
  if (auto may = may_call(); !may) return may;
  TransactionDesk& desk = engine_.transactions();
  if (auto late = desk.unclaimed(Ask::Abort)) return std::move(*late);
  Patience patience(deadline);
  const bool leaves = desk.move(State::Open, State::Aborting) ||
                      desk.move(State::AbortNeeded, State::Aborting) ||
                      desk.move(State::Committing, State::Aborting);
  if (!leaves && desk.state() != State::Aborting) return refusal_of(desk.state());
  if (auto settled = settle_transaction(patience); !settled) return settled;
  return ask_and_wait({.ask = Ask::Abort}, patience);
}

// No more records come, and those that came have a fate.
Result<void> Core::settle_transaction(Patience& patience) {
  lanes_.close_all();  // afterwards nobody is between the look at the state and the publish
  room_.notify_all();
  return flush(patience);
}

}  // namespace spillway
