// The words and sentences of the public enums.

#include <array>

#include "spillway/delivery.h"
#include "spillway/error.h"

namespace spillway {
namespace {

struct Word {
  std::string_view name;
  std::string_view meaning;
  Action action;
};

constexpr std::array<Word, 22> kWords{{
    {"Ok", "success", Action::Retry},
    {"Full", "no room: the producer holds as much as it may", Action::BackOff},
    {"Busy", "another thread is in the middle of the same place: try again", Action::Retry},
    {"TooLarge", "the record can never fit: see Options::record_bytes_max", Action::Fix},
    {"WouldDeadlock", "a callback would wait for itself", Action::Fix},
    {"Closed", "the producer is closed", Action::Fatal},
    {"UnknownTopic", "the cluster has no such topic", Action::Fix},
    {"TopicPending", "the cluster has not described the topic yet", Action::BackOff},
    {"NoTransaction", "no transaction is open: begin one first", Action::Fix},
    {"TimedOut", "the deadline passed", Action::BackOff},
    {"InvalidArgument", "an argument is wrong", Action::Fix},
    {"InvalidOption", "an option is wrong", Action::Fix},
    {"BudgetTooSmall", "Options::memory_max is too small", Action::Fix},
    {"TooManyTopics", "the fixed table of topics is full", Action::Fix},
    {"Unreachable", "no bootstrap address answered as a Kafka broker", Action::BackOff},
    {"AuthenticationFailed", "the brokers refuse Options::sasl", Action::Fix},
    {"Rejected", "the cluster refused the record", Action::Fix},
    {"InvalidTransactionState", "this call does not fit the state of the transaction", Action::Fix},
    {"TransactionAbortable", "abort the transaction and begin another", Action::Retry},
    {"ProducerFenced", "another producer has taken the transactional id", Action::Fatal},
    {"System", "the operating system refused", Action::Fatal},
    {"?", "?", Action::Fatal},
}};

const Word& word_of(ErrorCode code) noexcept {
  const auto index = static_cast<std::size_t>(code);
  return kWords[index < kWords.size() ? index : kWords.size() - 1];
}

}  // namespace

Action action_of(ErrorCode code) noexcept {
  return word_of(code).action;
}
std::string_view name_of(ErrorCode code) noexcept {
  return word_of(code).name;
}

std::string Error::message() const {
  const Word& word = word_of(code_);
  return std::string(word.name) + ": " + (detail_ ? *detail_ : std::string(word.meaning));
}

std::string_view name_of(Fate fate) noexcept {
  constexpr std::array<std::string_view, 4> kNames{"delivered", "dropped", "failed", "unknown"};
  return kNames[static_cast<std::size_t>(fate)];
}

std::string_view name_of(Reason reason) noexcept {
  constexpr std::array<std::string_view, kReasonCount> kNames{
      "none",          "drop_oldest", "close_deadline", "delivery_timeout",
      "unknown_topic", "rejected",    "sequence_lost",  "transaction_aborted"};
  return kNames[static_cast<std::size_t>(reason)];
}

}  // namespace spillway
