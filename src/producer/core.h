// The inside of a Producer: what callers do (admission.cc), what the I/O thread does (io_loop.cc),
// and how they start and end.
//
//   caller threads:  topic state → lane → bytes of a chunk → ring → (wake)           never touch
//   the engine I/O thread:      ring → engine (batches, brokers) → fates → chunk, pages back never
//   takes a lane
#pragma once

#include <pthread.h>

#include <array>
#include <atomic>
#include <memory>
#include <optional>

#include "base/mutex.h"
#include "cluster/engine.h"
#include "cluster/fates.h"
#include "cluster/topics.h"
#include "memory/pool.h"
#include "producer/lanes.h"
#include "producer/patience.h"
#include "producer/plan.h"
#include "ring/event_count.h"
#include "ring/ring.h"
#include "ring/water_level.h"
#include "spillway/producer.h"

namespace spillway {

class Core {
 public:
  Core(const Options& options, MemoryPlan plan, std::vector<Endpoint> bootstrap,
       std::unique_ptr<Transport> transport);
  ~Core();
  Result<void> start();

  Result<Topic> topic(std::string_view name, std::chrono::milliseconds deadline);
  Result<void> send(Topic topic, const Record& record, Completion completion) {
    return send(topic, record, completion, options_.block_deadline);
  }
  Result<void> send(Topic topic, const Record& record, Completion completion,
                    std::chrono::milliseconds block_deadline);
  Result<void> send_borrowed(Topic topic, const Record& record, Bytes value, Completion completion);
  Result<Reservation> reserve(Topic topic, const Record& record, std::size_t value_size_max);
  Result<void> commit(std::uint64_t handle, std::span<std::byte> room, std::size_t size,
                      Completion completion);
  void abort(std::uint64_t handle) noexcept;
  Result<Delivery> send_and_wait(Topic topic, const Record& record,
                                 std::chrono::milliseconds deadline);
  Result<void> flush(std::chrono::milliseconds deadline);
  Result<CloseReport> close(std::chrono::milliseconds deadline);
  // --- transactions.cc
  Result<void> init_transactions(std::chrono::milliseconds deadline);
  Result<void> begin_transaction();
  Result<void> send_offsets(std::span<const CommittedOffset> offsets, const GroupMetadata& group,
                            std::chrono::milliseconds deadline);
  Result<void> commit_transaction(std::chrono::milliseconds deadline);
  Result<void> abort_transaction(std::chrono::milliseconds deadline);
  [[nodiscard]] Snapshot snapshot() const;
  [[nodiscard]] const MemoryPlan& plan() const noexcept { return plan_; }

 private:
  // --- admission.cc: any thread
  ErrorCode check_topic(Topic topic, const Record& record, Patience& patience) noexcept;
  // On success the caller holds a lane until publish. No other outcome holds one.
  ErrorCode reserve_room(std::size_t body_bytes, ChunkUse use, Patience& patience, LaneHold& lane,
                         Room& room) noexcept;
  bool acquire(LaneHold& lane, Patience& patience) noexcept;
  [[nodiscard]] bool may_wait() const noexcept;
  ErrorCode make_room(Patience& patience, int& dropped) noexcept;
  // Consumes the room, whatever the outcome, and lets the lane go.
  ErrorCode publish(LaneHold& lane, const Room& room, Patience& patience) noexcept;
  ErrorCode publish_when_full(LaneHold& lane, const Room& room, Patience& patience) noexcept;
  ErrorCode try_publish(std::uint64_t descriptor, std::uint64_t& position,
                        std::optional<std::uint64_t>& dropped) noexcept;
  bool drop_one_for_memory() noexcept;
  // Ends a record that was taken from the ring and is in no batch.
  void end_taken(std::uint64_t descriptor, Fate fate, Reason reason) noexcept;
  void fill_header(const Room& room, Topic topic, const Record& record, std::size_t tail_size,
                   std::uint8_t flags, const Completion& completion) const noexcept;
  [[nodiscard]] StoredRecord stored(const Descriptor& descriptor) const noexcept;
  void wake_for(std::uint64_t position) noexcept;
  void wake_now() noexcept;
  ErrorCode refuse(ErrorCode code) noexcept;

  // Under a lane: close() and the end of a transaction take every lane once and then know that
  // nobody is between here and publish.
  [[nodiscard]] ErrorCode gate() const noexcept;

  Result<void> flush(Patience& patience);
  Result<void> may_call() const;
  Error refusal_of(TransactionState state) const;
  Result<void> ask_and_wait(const TransactionDesk::Request& request, Patience& patience);
  Error late_answer() const;
  Result<void> settle_transaction(Patience& patience);

  // --- io_loop.cc: the I/O thread
  static void* io_main(void* self);
  void io_run() noexcept;
  std::size_t drain(MonoTime now) noexcept;
  bool take_in(std::uint64_t word, MonoTime now) noexcept;
  void release_later(BlockId block, std::uint32_t generation) noexcept;
  void flush_releases() noexcept;
  void follow_requests() noexcept;
  void finish_flush() noexcept;
  void keep_headroom() noexcept;
  void update_level() noexcept;
  void notify_callers(std::size_t popped, MonoTime now) noexcept;
  void trim(MonoTime now) noexcept;
  void rest(std::size_t popped, MonoTime now) noexcept;
  void io_close() noexcept;

  Options options_;  // constant, but for the secrets that the constructor takes out
  const bool transactional_;
  const MemoryPlan plan_;
  Pool pool_;
  std::unique_ptr<std::byte[]> ring_memory_;
  Ring<> ring_;
  Lanes lanes_;
  Topics topics_;
  Fates fates_;
  std::unique_ptr<Transport> transport_;
  Engine engine_;
  WaterLevel<> level_;
  SleepWord<> sleep_;
  EventCount<> room_;  // blocked callers

  // Written by callers.
  std::atomic<bool> closed_{false};
  std::atomic<std::uint64_t> wakes_{0};
  std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(ErrorCode::NoTransaction) + 1>
      refusals_{};  // by ErrorCode

  // Requests to the I/O thread: each counts up, the answer follows.
  std::atomic<std::uint64_t> flush_asked_{0};
  std::atomic<std::uint64_t> flush_done_{0};
  EventCount<> flushed_;
  std::atomic<std::uint32_t> topics_seen_{0};
  std::atomic<MonoTime::rep> close_at_{kNever.time_since_epoch().count()};
  Mutex close_mutex_;
  std::optional<CloseReport> close_report_ GUARDED_BY(close_mutex_);

  // I/O thread only.
  std::array<std::uint64_t, Ring<>::kPopMax> taken_{};  // taken from the ring, not yet in a batch
  std::size_t taken_begin_ = 0;
  std::size_t taken_end_ = 0;
  bool stalled_ = false;  // the next taken record found no page
  BlockId release_block_{};
  std::uint32_t release_generation_ = 0;
  std::uint32_t release_count_ = 0;
  std::uint64_t flush_active_ = 0;  // the request being worked on, 0: none
  std::uint64_t flush_tail_ = 0;    // it covers the records before this ring position…
  std::optional<std::uint64_t>
      flush_batch_;  // …which lie in batches up to this number, once they have all left the ring
  int quiet_rounds_ = 0;
  MonoTime notified_at_{};
  bool owes_notify_ = false;
  std::size_t seen_available_ = 0;
  std::size_t recent_peak_ = 0;
  std::size_t window_peak_ = 0;
  MonoTime window_end_{};

  pthread_t thread_{};
  bool running_ = false;
};

}  // namespace spillway
