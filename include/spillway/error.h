// Errors are values. Start here to learn what a call can answer and what to do about it.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace spillway {

// What the caller should do. Every ErrorCode belongs to exactly one group.
enum class Action : std::uint8_t {
  Retry,    // the same call may succeed at once
  BackOff,  // the system is full: slow down, degrade or drop, then call again
  Fix,      // the argument, option or topic is wrong: retrying cannot help
  Fatal,    // this producer will not work again: open a new one
};

enum class ErrorCode : std::uint8_t {
  Ok = 0,
  // Refusals of send, each with its own counter in Snapshot::refusals.
  Full,           // no room within the deadline (Block), or right now (FailFast)
  Busy,           // a preempted thread is in the way: try again. Block does, up to its deadline
  TooLarge,       // the record can never fit: larger than Options::record_bytes_max
  WouldDeadlock,  // Block inside a delivery callback would wait for itself
  Closed,         // close() was called
  UnknownTopic,   // the cluster says that the topic does not exist, or the handle is foreign
  TopicPending,   // the cluster has not described the topic yet; Block waits for it
  NoTransaction,  // Options::transactional_id is set, and no transaction is open
  // Other calls.
  TimedOut,              // the deadline passed
  InvalidArgument,       // the detail names the argument
  InvalidOption,         // the detail names the option
  BudgetTooSmall,        // Options::memory_max: the detail names the smallest that works
  TooManyTopics,         // Options::topics_max or partitions_max
  Unreachable,           // no bootstrap address answered as a Kafka broker
  AuthenticationFailed,  // no broker, and the last one refused Options::sasl: the detail says which
  Rejected,              // the cluster refused the record for good: the detail names its error
  InvalidTransactionState,  // this call does not fit the state: the detail names it
  TransactionAbortable,     // the transaction cannot be committed: abort it and begin another
  ProducerFenced,           // another producer has taken Options::transactional_id: close this one
  System,                   // the operating system refused memory, a thread or a descriptor
};

[[nodiscard]] Action action_of(ErrorCode code) noexcept;
[[nodiscard]] std::string_view name_of(ErrorCode code) noexcept;

// A code and, off the data path, a sentence for a person. Refusals of send carry no sentence and
// never allocate. Movable and copyable; thread-compatible.
class [[nodiscard]] Error {
 public:
  Error(ErrorCode code) noexcept : code_(code) {}  // NOLINT(google-explicit-constructor): a value
  Error(ErrorCode code, std::string detail)
      : code_(code), detail_(std::make_unique<std::string>(std::move(detail))) {}
  Error(const Error& other)
      : code_(other.code_),
        detail_(other.detail_ ? std::make_unique<std::string>(*other.detail_) : nullptr) {}
  Error& operator=(const Error& other) { return *this = Error(other); }
  Error(Error&&) noexcept = default;
  Error& operator=(Error&&) noexcept = default;
  ~Error() = default;

  [[nodiscard]] ErrorCode code() const noexcept { return code_; }
  [[nodiscard]] Action action() const noexcept { return action_of(code_); }
  // "Full: …" or just the word and its general meaning. The wording may change; the code will not.
  [[nodiscard]] std::string message() const;

 private:
  ErrorCode code_;
  std::unique_ptr<std::string> detail_;
};

// A value or an Error. Asking for what is not there is a bug of the caller and aborts.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::move(error)) {}  // NOLINT(google-explicit-constructor)
  Result(ErrorCode code) : state_(Error(code)) {}    // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return ok(); }
  [[nodiscard]] ErrorCode code() const noexcept { return ok() ? ErrorCode::Ok : error().code(); }

  [[nodiscard]] T& value() & { return checked(); }
  [[nodiscard]] const T& value() const& { return const_cast<Result*>(this)->checked(); }
  [[nodiscard]] T&& value() && { return std::move(checked()); }
  [[nodiscard]] T* operator->() { return &checked(); }
  [[nodiscard]] T& operator*() & { return checked(); }

  [[nodiscard]] const Error& error() const {
    if (ok()) std::abort();
    return *std::get_if<1>(&state_);
  }

 private:
  T& checked() {
    if (!ok()) std::abort();
    return *std::get_if<0>(&state_);
  }
  std::variant<T, Error> state_;
};

// Success or an Error. Costs two words; a refusal costs no allocation.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() noexcept : error_(ErrorCode::Ok) {}
  Result(Error error) : error_(std::move(error)) {}         // NOLINT(google-explicit-constructor)
  Result(ErrorCode code) noexcept : error_(Error(code)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const noexcept { return error_.code() == ErrorCode::Ok; }
  explicit operator bool() const noexcept { return ok(); }
  [[nodiscard]] ErrorCode code() const noexcept { return error_.code(); }
  [[nodiscard]] const Error& error() const noexcept { return error_; }

 private:
  Error error_;
};

}  // namespace spillway
