// Start here. A Kafka producer that never holds more than Options::memory_max bytes and tells the
// fate of every record.
//
//   auto producer = spillway::Producer::open({.bootstrap = "localhost:9092"});
//   if (!producer) return complain(producer.error().message());
//   auto topic = producer->topic("events");
//   auto sent = producer->send(*topic, {.key = "k", .value = "v"});
//   if (!sent) …                     // sent.code(): Full, TooLarge, … and what to do:
//   error().action() auto left = producer->close(10s);
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "spillway/delivery.h"
#include "spillway/encoder.h"
#include "spillway/error.h"
#include "spillway/observer.h"
#include "spillway/options.h"
#include "spillway/record.h"
#include "spillway/snapshot.h"
#include "spillway/transaction.h"

namespace spillway {

class Core;

// A topic of one producer: a number, cheap to copy, valid as long as the producer.
class Topic {
 public:
  Topic() = default;
  [[nodiscard]] std::uint32_t id() const noexcept { return id_; }

 private:
  friend class Core;
  friend class Producer;
  explicit Topic(std::uint32_t id) noexcept : id_(id) {}
  std::uint32_t id_ = UINT32_MAX;
};

// Room for one record's value inside the producer's memory. Fill value(), then commit; a
// reservation that is destroyed or aborted leaves no trace. Movable; used by one thread at a time;
// must end before the producer is destroyed. While it lives it holds its bytes of the budget.
class Reservation {
 public:
  Reservation() noexcept = default;
  Reservation(Reservation&& other) noexcept;
  Reservation& operator=(Reservation&& other) noexcept;
  ~Reservation() { abort(); }

  [[nodiscard]] std::span<std::byte> value() const noexcept { return value_; }
  // Publishes the first `size` bytes of value(). Errors, blocking and callback as for send.
  Result<void> commit(std::size_t size, Completion completion = {});
  void abort() noexcept;

 private:
  friend class Core;
  friend class Producer;
  Core* core_ = nullptr;
  std::uint64_t handle_ = 0;
  std::span<std::byte> value_;
};

// What close() could not finish.
struct CloseReport {
  std::uint64_t dropped = 0;  // never sent, ended by this close
  std::uint64_t unknown = 0;  // sent, no answer seen
  bool clean() const noexcept { return dropped == 0 && unknown == 0; }
};

// Thread-safe unless said otherwise. One I/O thread; no other thread is made. Not copyable; movable
// while nobody else uses it.
class Producer {
 public:
  // Checks the options, reserves memory_max of address space, starts the I/O thread. Does not wait
  // for a broker. Errors: InvalidOption, BudgetTooSmall, System.
  static Result<Producer> open(const Options& options);

  Producer(Producer&&) noexcept;
  Producer& operator=(Producer&&) noexcept;
  // close(0 ms) if it was not closed: waits for nothing, every callback has run afterwards.
  ~Producer();

  // Interns a name and waits until the cluster has described it. Blocks up to the deadline; with 0
  // it returns at once and records wait for the description. Errors: UnknownTopic, Unreachable,
  // TimedOut, TooManyTopics, InvalidArgument (not a legal topic name), Closed.
  Result<Topic> topic(std::string_view name,
                      std::chrono::milliseconds deadline = std::chrono::seconds(30));

  // Copies the record and queues it. Success: the record is accepted and will meet one fate.
  // Refused: it was never accepted, its callback will not run. Blocks only under WhenFull::Block.
  // Errors: Full, Busy, TooLarge, WouldDeadlock, Closed, UnknownTopic, InvalidArgument.
  // Cost: about 30 ns and one copy for 100 bytes; no allocation, no system call except a wake.
  Result<void> send(Topic topic, const Record& record, Completion completion = {});

  // As send, but the value stays where it is: it must stay alive and unchanged until the callback
  // has run. Worth it from about 4 KiB. record.value is ignored.
  Result<void> send_borrowed(Topic topic, const Record& record, BorrowedBytes value,
                             Completion completion);

  // Room for a value of up to `value_size_max` bytes; key and headers of `record` are copied now,
  // record.value is ignored. Blocking and errors as for send.
  Result<Reservation> reserve(Topic topic, const Record& record, std::size_t value_size_max);

  // reserve, encode, commit.
  template <typename T, Encoder<T> E>
  Result<void> send_encoded(Topic topic, const Record& record, E& encoder, const T& value,
                            Completion completion = {}) {
    auto room = reserve(topic, record, encoder.size_max(value));
    if (!room) return room.error();
    return room->commit(encoder.encode(value, room->value()), completion);
  }

  // Sends one record and waits for its fate. TimedOut: the wait ended first; the record goes on.
  Result<Delivery> send_and_wait(Topic topic, const Record& record,
                                 std::chrono::milliseconds deadline = std::chrono::seconds(120));

  // Waits until every record accepted before the call has met its fate. Sends without linger
  // meanwhile. Errors: TimedOut, WouldDeadlock (inside a callback), Closed.
  Result<void> flush(std::chrono::milliseconds deadline);

  // --- transactions, with Options::transactional_id: one at a time, from begin to commit or abort.
  // Consumers that read committed see all records of a committed one and none of another; a
  // record's fate tells whether it is in the log, not whether it is committed. These calls block up
  // to the deadline, are refused inside a callback (WouldDeadlock), and after TimedOut may be
  // called again: the work has gone on.
  //
  // Once, before the first: takes the id, fences whoever held it, ends what that one left open.
  // Errors: ProducerFenced, Rejected (by the coordinator: the detail says why), TimedOut, Closed,
  // InvalidTransactionState.
  Result<void> init_transactions(std::chrono::milliseconds deadline = std::chrono::seconds(60));
  // Does not block. Records are refused outside of a transaction (NoTransaction).
  Result<void> begin_transaction();
  // Commits how far a consumer has read together with the records (KIP-447).
  Result<void> send_offsets_to_transaction(
      std::span<const CommittedOffset> offsets, const GroupMetadata& group,
      std::chrono::milliseconds deadline = std::chrono::seconds(60));
  // Waits for the fate of every record, then commits. TransactionAbortable: one was not delivered,
  // or the coordinator says so; abort_transaction is the only call left.
  Result<void> commit_transaction(std::chrono::milliseconds deadline = std::chrono::seconds(60));
  // Ends what is not sent as dropped(transaction_aborted), waits for what is, then aborts.
  Result<void> abort_transaction(std::chrono::milliseconds deadline = std::chrono::seconds(60));

  // Refuses new records, flushes up to the deadline, then ends what is left: never sent is dropped,
  // sent is unknown. Every callback has run when it returns. Never hangs: returns within the
  // deadline and the time that callbacks take. Idempotent. Inside a callback: WouldDeadlock.
  Result<CloseReport> close(std::chrono::milliseconds deadline);

  // Any thread, any time, also after close. About 1 µs.
  [[nodiscard]] Snapshot snapshot() const;

  // The memory plan, one line per holder and their sum, as text for a log.
  [[nodiscard]] std::string plan() const;

 private:
  explicit Producer(std::unique_ptr<Core> core) noexcept;
  std::unique_ptr<Core> core_;
};

}  // namespace spillway
