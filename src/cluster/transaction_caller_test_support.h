// What src/producer/transactions.cc does with the desk, as steps of a simulation instead of calls
// that wait.
#pragma once

#include <algorithm>
#include <optional>
#include <utility>

#include "cluster/transaction.h"

namespace spillway {

class TransactionCaller {
 public:
  using Ask = TransactionDesk::Ask;
  using State = TransactionState;

  explicit TransactionCaller(TransactionDesk& desk) : desk_(desk) {}

  [[nodiscard]] bool waits() const noexcept { return request_.ask != Ask::Nothing; }
  [[nodiscard]] bool settles() const noexcept { return settles_; }
  // Whether the engine has seen the request, or will.
  [[nodiscard]] bool asked() const noexcept { return ticket_.has_value(); }
  [[nodiscard]] const TransactionDesk::Request& request() const noexcept { return request_; }

  [[nodiscard]] Result<void> begin() {
    if (desk_.begin()) return {};
    return refusal();
  }

  // An answer, or nullopt: poll.
  std::optional<Result<void>> start(TransactionDesk::Request request) {
    request_ = std::move(request);
    ticket_.reset();
    settles_ = false;
    if (request_.ask != Ask::SendOffsets) {
      if (auto late = desk_.unclaimed(request_.ask)) return finish(std::move(*late));
    }
    if (!enter()) return finish(refusal());
    return std::nullopt;
  }

  // `flushed`: every record has a fate.
  std::optional<Result<void>> poll(bool flushed) {
    if (settles_ && !flushed) return std::nullopt;
    if (std::exchange(settles_, false) && request_.ask == Ask::Commit) {
      (void)desk_.move(State::Committing, State::Ending);
      if (desk_.state() != State::Ending) return finish(refusal());
    }
    if (!ticket_ && !TransactionDesk::fits(request_.ask, desk_.state())) {
      if (auto late = desk_.unclaimed(request_.ask)) return finish(std::move(*late));
      return finish(refusal());
    }
    if (!ticket_) ticket_ = desk_.ask(request_);
    if (!ticket_) return std::nullopt;
    auto answer = desk_.answer(*ticket_);
    if (!answer) return std::nullopt;
    return finish(std::move(*answer));
  }

  // The deadline of the call has passed.
  void give_up() {
    request_.ask = Ask::Nothing;
    settles_ = false;
  }

 private:
  // The state that the call needs. False: it does not fit.
  bool enter() {
    switch (request_.ask) {
      case Ask::Init:
        return desk_.state() == State::Uninitialized;
      case Ask::SendOffsets:
        return desk_.state() == State::Open;
      case Ask::Commit:
        (void)desk_.move(State::Open, State::Committing);
        settles_ = desk_.state() == State::Committing;
        return settles_ || desk_.state() == State::Ending;
      case Ask::Abort:
        settles_ = desk_.move(State::Open, State::Aborting) ||
                   desk_.move(State::AbortNeeded, State::Aborting) ||
                   desk_.move(State::Committing, State::Aborting) ||
                   desk_.state() == State::Aborting;
        return settles_;
      case Ask::Nothing:
        break;
    }
    return false;
  }

  std::optional<Result<void>> finish(Result<void> result) {
    give_up();
    return result;
  }

  [[nodiscard]] Error refusal() const {
    const State state = desk_.state();
    const bool failed = state == State::AbortNeeded || state == State::Fatal;
    return failed ? desk_.trouble() : Error(ErrorCode::InvalidTransactionState);
  }

  TransactionDesk& desk_;
  TransactionDesk::Request request_;
  std::optional<std::uint64_t> ticket_;
  bool settles_ = false;
};

}  // namespace spillway
