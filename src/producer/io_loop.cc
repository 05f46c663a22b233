// The I/O thread: ring to engine, engine to network, and sleep as deep as the moment allows.

#include <algorithm>

#include "base/check.h"
#include "producer/core.h"

namespace spillway {
namespace {

constexpr std::size_t kDrainMax = 2048;  // records between two looks at the network
constexpr auto kNotifyEvery = std::chrono::milliseconds(2);
constexpr auto kTrimWindow =
    std::chrono::seconds(3);  // memory not used in one window and the next goes back
constexpr auto kTrimStep = std::chrono::milliseconds(20);
constexpr std::size_t kTrimBytes =
    1 * kMiB;  // a step, so that giving back never stalls the loop for long
constexpr std::size_t kTrimSlack =
    1 * kMiB;  // stays, so that a steady load does not fault its pages in again and again
constexpr int kQuietRoundsMax = 2;  // drowsy sleeps without a record before it sleeps deeply
constexpr std::uint64_t kNobodyWakes = std::uint64_t{1}
                                       << 60;  // behind every real position and behind kWakeNow
constexpr int kMidLingerFactor = 4;

}  // namespace

void* Core::io_main(void* self) {
  static_cast<Core*>(self)->io_run();
  return nullptr;
}

void Core::io_run() noexcept {
  window_end_ = transport_->now() + kTrimWindow;
  for (;;) {
    const MonoTime now = transport_->now();
    follow_requests();
    const std::size_t popped = drain(now);
    engine_.work(now);
    finish_flush();
    update_level();
    notify_callers(popped, now);
    trim(now);
    const MonoTime close_at{MonoDuration(close_at_.load(std::memory_order_seq_cst))};
    if (closed_.load(std::memory_order_relaxed) && close_at != kNever) {
      const bool drained = taken_begin_ == taken_end_ && !ring_.ready() && engine_.empty();
      if (drained || now >= close_at) return io_close();
    }
    rest(popped, now);
  }
}

// Requests of other threads that change what the loop does.
void Core::follow_requests() noexcept {
  const std::uint32_t topics = topics_.count();
  if (topics != topics_seen_.load(std::memory_order_relaxed)) {
    topics_seen_.store(topics, std::memory_order_relaxed);
    engine_.topics_added();
  }
  if (flush_active_ == 0) {
    const std::uint64_t asked = flush_asked_.load(std::memory_order_seq_cst);
    if (asked != flush_done_.load(std::memory_order_relaxed)) {
      flush_active_ = asked;
      flush_tail_ = ring_.tail_position();
      flush_batch_.reset();
    }
  }
  engine_.set_hurry(flush_active_ != 0 || stalled_ || closed_.load(std::memory_order_relaxed));
}

// The flush covers what was in the ring when it began; once that has left, it covers the batches
// that exist.
void Core::finish_flush() noexcept {
  if (flush_active_ == 0) return;
  if (!flush_batch_ && ring_.head_position() >= flush_tail_ && taken_begin_ == taken_end_) {
    flush_batch_ = engine_.newest_batch();
  }
  if (!flush_batch_ || engine_.oldest_batch() <= *flush_batch_) return;
  flush_done_.store(flush_active_, std::memory_order_seq_cst);
  flush_active_ = 0;
  flushed_.notify_all();
}

std::size_t Core::drain(MonoTime now) noexcept {
  std::size_t done = 0;
  stalled_ = false;
  if (options_.when_full == WhenFull::DropOldest) keep_headroom();
  while (done < kDrainMax) {
    if (taken_begin_ == taken_end_) {
      taken_begin_ = 0;
      taken_end_ = ring_.pop_many(taken_);
      if (taken_end_ == 0) break;
    }
    if (taken_begin_ + 4 < taken_end_) {  // its lines are in the caller's cache: ask for them early
      const Descriptor ahead = Descriptor::unpack(taken_[taken_begin_ + 4]);
      const std::byte* address = pool_.address(ahead.block) + ahead.offset;
      __builtin_prefetch(address);
      __builtin_prefetch(address + 64);
    }
    if (!take_in(taken_[taken_begin_], now)) {
      stalled_ = true;
      break;
    }
    ++taken_begin_;
    ++done;
  }
  flush_releases();
  return done;
}

bool Core::take_in(std::uint64_t word, MonoTime now) noexcept {
  const StoredRecord record = stored(Descriptor::unpack(word));
  SPILL_DCHECK(record.header->state.load(std::memory_order_relaxed) == RecordState::Committed,
               "only committed records are published");
  if (engine_.aborting()) [[unlikely]] {
    end_taken(word, Fate::Dropped, Reason::TransactionAborted);
    return true;
  }
  if (!engine_.has_partition(*record.header)) [[unlikely]] {
    if (transactional_) engine_.transaction_failed("a record names a partition that is not there");
    end_taken(word, Fate::Failed, Reason::UnknownTopic);
    return true;
  }
  while (!engine_.append(record, now)) {
    if (options_.when_full != WhenFull::DropOldest || !engine_.evict_oldest()) return false;
  }
  if (!record.large()) release_later(record.block, record.header->generation);
  return true;
}

// Consecutive records mostly lie in the same chunk: one release for all of them.
void Core::release_later(BlockId block, std::uint32_t generation) noexcept {
  if (release_count_ > 0 && block == release_block_ && generation == release_generation_) {
    ++release_count_;
    return;
  }
  flush_releases();
  release_block_ = block;
  release_generation_ = generation;
  release_count_ = 1;
}

void Core::flush_releases() noexcept {
  if (release_count_ == 0) return;
  (void)pool_.release(release_block_, release_generation_, release_count_);
  release_count_ = 0;
}

// DropOldest: callers whose records stay in their chunks find the pool full while the ring is
// empty; so some room is always kept.
void Core::keep_headroom() noexcept {
  const std::size_t headroom = plan_.pool.page_reserve + pool_.span_bytes_max();
  while (pool_.available() < headroom && engine_.evict_oldest()) {
  }
}

void Core::update_level() noexcept {
  const std::size_t ring = ring_.size_approximate() * 1000 / ring_.capacity();
  const std::size_t memory = pool_.used() * 1000 / pool_.bytes_max();
  const auto change = level_.update(static_cast<std::uint32_t>(std::max(ring, memory)));
  if (!change) return;
  engine_.set_linger(options_.linger * (change->to >= Level::Mid ? kMidLingerFactor : 1));
  fates_.level(change->from, change->to);
}

// Waking a caller costs as much as a thousand records: not before there is room for many, unless
// the last wake is a while ago.
void Core::notify_callers(std::size_t popped, MonoTime now) noexcept {
  // Memory comes free with acknowledgements too, batches and the chunks they refer to.
  const std::size_t available = pool_.available();
  owes_notify_ |= popped > 0 || available > seen_available_;
  seen_available_ = available;
  if (!owes_notify_) return;
  const bool roomy =
      ring_.size_approximate() <= ring_.capacity() / 2 && available >= pool_.bytes_max() / 8;
  if (!roomy && now < notified_at_ + kNotifyEvery) return;
  notified_at_ = now;
  owes_notify_ = false;
  room_.notify_all();
}

// Gives back what the last two windows never needed, a step at a time.
void Core::trim(MonoTime now) noexcept {
  window_peak_ = std::max(window_peak_, pool_.used());
  if (now < window_end_) return;
  const std::size_t keep = std::max(window_peak_, recent_peak_) + kTrimSlack;
  if (pool_.resident() > keep) {
    (void)pool_.trim(std::min(kTrimBytes, pool_.resident() - keep));
    window_end_ = now + kTrimStep;
    return;
  }
  recent_peak_ = window_peak_;
  window_peak_ = pool_.used();
  window_end_ = now + kTrimWindow;
}

// Chooses between a look at the network, a drowsy sleep that callers need not end, and a deep one
// that the next record ends.
void Core::rest(std::size_t popped, MonoTime now) noexcept {
  // A flush that was asked for while another was under way: its wake is gone.
  const bool flush_waits = flush_active_ == 0 && flush_asked_.load(std::memory_order_seq_cst) !=
                                                     flush_done_.load(std::memory_order_relaxed);
  if (popped == kDrainMax || flush_waits) return transport_->poll(now, engine_);
  const std::uint64_t head = ring_.head_position();
  MonoTime deadline = engine_.deadline(now);
  deadline = std::min(deadline, MonoTime(MonoDuration(close_at_.load(std::memory_order_seq_cst))));
  if (pool_.resident() > pool_.used() + kTrimSlack) deadline = std::min(deadline, window_end_);
  if (owes_notify_) deadline = std::min(deadline, notified_at_ + kNotifyEvery);
  quiet_rounds_ = popped > 0 ? 0 : std::min(quiet_rounds_ + 1, kQuietRoundsMax);
  bool ready = false;
  if (stalled_) {  // more records cannot be taken in before memory comes free
    sleep_.prepare_sleep(SleepWord<>::State::Drowsy, head + kNobodyWakes);
  } else if (options_.linger.count() > 0 && quiet_rounds_ < kQuietRoundsMax && flush_active_ == 0) {
    const std::uint64_t low =
        std::max<std::uint64_t>(1, ring_.capacity() * options_.water_levels.low / 100);
    deadline = std::min(deadline, now + options_.linger);
    sleep_.prepare_sleep(SleepWord<>::State::Drowsy, head + low);
    ready = ring_.published(head + low);
  } else {
    sleep_.prepare_sleep(SleepWord<>::State::Idle, 0);
    ready = ring_.ready();
  }
  transport_->poll(ready ? now : deadline, engine_);
  (void)sleep_.woke();
}

// Ends everything that is left, so that every callback has run when close() returns.
void Core::io_close() noexcept {
  engine_.abandon_all();
  for (;;) {
    if (taken_begin_ == taken_end_) {
      taken_begin_ = 0;
      taken_end_ = ring_.pop_many(taken_);
      if (taken_end_ == 0) break;
    }
    end_taken(taken_[taken_begin_++], Fate::Dropped, Reason::CloseDeadline);
  }
  room_.notify_all();
  topics_.changed().notify_all();
  flushed_.notify_all();
  engine_.transactions().changed().notify_all();
}

}  // namespace spillway
