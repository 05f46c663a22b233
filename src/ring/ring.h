// The ring between the callers and the I/O thread: bounded, many producers, and DropOldest by "the
// dropper becomes a consumer".
//
//   tail_   next position to claim        a caller moves it by CAS, t -> t+1
//   head_   oldest position not taken     the I/O thread or a dropping caller moves it by CAS,
//                                         h -> h+n, over committed slots only
//
//   slots   +----------+-------+----------+-------+--   N = 2^k >= 2, 16 bytes each, owned by
//           | sequence | value | sequence | value |     whoever built the ring
//           +----------+-------+----------+-------+--
//
//   sequence of the slot that serves position p (slot p mod N):
//           p      free for p          claim by CAS on tail_, write value, publish p+1
//           p+1    committed           take by CAS on head_, read value, release p+N
//           p+N    free for p+N        (next lap)
//   With N = 1 "committed at p" and "free for p+1" would be the same number: that is why N >= 2.
//
// A dropper that wins the CAS on head_ owns the committed slot of the lap before, so it reuses that
// very slot: no third thread can steal it, and nobody ever reads a slot that it does not own.
//
// | atomic   | operation                        | order         | what breaks if weaker         |
// |----------|----------------------------------|---------------|-------------------------------|
// | sequence | claimer publishes                | seq_cst store | relaxed: value read torn;     |
// |          |                                  |               | release: a wake is lost       |
// | sequence | taker releases the slot          | release store | value overwritten while read  |
// | sequence | claimers, takers look            | acquire load  | the same two, other side      |
// | sequence | published(): a sleeper looks     | seq_cst load  | it sleeps over a record       |
// | tail_    | claimer CAS, dropper store, all  | relaxed       | - (sequence orders the data)  |
// | head_    | takers move it                   | seq_cst CAS   | a caller sleeps over room     |
// | head_    | a caller decides that it is Full | seq_cst load  | the same                      |
// | head_    | takers look                      | relaxed load  | - (the CAS decides)           |
//
// Positions are 64 bit and never reused. No fences: they cost more than a seq_cst store, and
// ThreadSanitizer does not understand them. After Vyukov's bounded queue (a sequence per slot) and
// the force_push of stamped array queues. Proofs: ring_schedule_test.cc, mutants.toml, ring.pml.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/cache_line.h"
#include "base/check.h"
#include "ring/platform.h"

namespace spillway {

enum class PushResult {
  Pushed,
  Full,  // the oldest record is committed and nobody has taken it: there was no room at that
         // instant
  Busy,  // a claimer or taker is inside the slot (probably preempted): neither room nor its absence
         // is proved; try again soon
};

struct Dropped {
  PushResult result = PushResult::Busy;  // Pushed or Busy, never Full
  bool dropped = false;  // old_value is valid, and the caller now ends that record's life
  std::uint64_t old_value = 0;
  std::uint64_t position = 0;  // where the new value was published, if Pushed
};

// Lifetime: the slots outlive the ring; nobody is inside a call when either goes. The ring does not
// own what the values refer to.
template <class Platform = NativePlatform>
class Ring {
 public:
  template <class T>
  using Atomic = typename Platform::template Atomic<T>;

  struct Slot {
    Atomic<std::uint64_t> sequence;
    typename Platform::template Shared<std::uint64_t> value;
  };

  // Limit of one pop_many: bounds how long a batch of slots stays taken but not yet released.
  static constexpr std::size_t kPopMax = 64;
  static constexpr std::size_t kCapacityMin = 2;
  static constexpr std::size_t kPrefetchSlots = 16;  // four lines

  // Makes slots in raw memory, aligned for Slot. The capacity is what fits, and it must be a power
  // of two >= 2.
  static std::span<Slot> slots_in(std::span<std::byte> memory) {
    const std::size_t capacity = memory.size() / sizeof(Slot);
    auto* const slots = reinterpret_cast<Slot*>(memory.data());
    for (std::size_t i = 0; i < capacity; ++i) std::construct_at(slots + i);
    return {slots, capacity};
  }

  // Before any other thread knows the ring.
  explicit Ring(std::span<Slot> slots) : slots_(slots.data()), capacity_(slots.size()) {
    SPILL_CHECK(capacity_ >= kCapacityMin, "one slot cannot tell committed from free");
    SPILL_CHECK(std::has_single_bit(capacity_), "positions are mapped to slots by a mask");
    for (std::size_t i = 0; i < capacity_; ++i) {
      slots_[i].sequence.store(i, std::memory_order_relaxed);
    }
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // Any thread. Never waits: at most kAttemptsMax looks. `position` receives where it was
  // published, for SleepWord::should_wake.
  PushResult try_push(std::uint64_t value, std::uint64_t* position = nullptr) noexcept {
    for (int attempt = 0; attempt < Platform::kAttemptsMax; ++attempt) {
      std::uint64_t tail = tail_.load(std::memory_order_relaxed);
      Slot& slot = slot_at(tail);
      const std::uint64_t sequence = slot.sequence.load(std::memory_order_acquire);
      if (sequence == tail) {
        if (!claim(tail)) continue;
        publish(slot, tail, value);
        if (position != nullptr) *position = tail;
        return PushResult::Pushed;
      }
      if (holds_previous_lap(sequence, tail) && untaken(tail - capacity_)) return PushResult::Full;
      Platform::pause();
    }
    return PushResult::Busy;
  }

  // Any thread. As try_push, but a full ring gives up its oldest record, which goes to the caller
  // with its ownership.
  Dropped push_drop_oldest(std::uint64_t value) noexcept {
    for (int attempt = 0; attempt < Platform::kAttemptsMax; ++attempt) {
      std::uint64_t tail = tail_.load(std::memory_order_relaxed);
      Slot& slot = slot_at(tail);
      const std::uint64_t sequence = slot.sequence.load(std::memory_order_acquire);
      if (sequence == tail) {
        if (!claim(tail)) continue;
        publish(slot, tail, value);
        return {PushResult::Pushed, false, 0, tail};
      }
      if (holds_previous_lap(sequence, tail) && take(tail - capacity_, 1)) {
        // Only the owner of this slot can move tail_ past it, so a plain store is a claim.
        tail_.store(tail + 1, std::memory_order_relaxed);
        const std::uint64_t old_value = slot.value.get();
        publish(slot, tail, value);
        return {PushResult::Pushed, true, old_value, tail};
      }
      Platform::pause();
    }
    return {};
  }

  // Any thread: takes the oldest record, for a caller that needs its memory rather than its slot.
  // False when the head is not committed: the ring is empty, or its oldest claimer has not
  // published yet.
  bool try_take_oldest(std::uint64_t& value) noexcept { return pop_many({&value, 1}) == 1; }

  // I/O thread (and droppers): takes up to min(out.size(), kPopMax) committed records, oldest
  // first, with one CAS, and releases every slot before it returns. Returns how many; 0 as for
  // try_take_oldest.
  std::size_t pop_many(std::span<std::uint64_t> out) noexcept {
    const std::size_t count_max = out.size() < kPopMax ? out.size() : kPopMax;
    for (int attempt = 0; attempt < Platform::kAttemptsMax; ++attempt) {
      const std::uint64_t head = head_.load(std::memory_order_relaxed);
      const std::size_t count = committed_from(head, count_max);
      if (count == 0) {
        if (head == head_.load(std::memory_order_relaxed)) return 0;
        continue;  // somebody took it meanwhile: look at the new head
      }
      if (!take(head, count)) continue;
      for (std::size_t i = 0; i < count; ++i) {
        Slot& slot = slot_at(head + i);
        out[i] = slot.value.get();
        slot.sequence.store(head + i + capacity_, std::memory_order_release);
      }
      return count;
    }
    return 0;
  }

  // Whether the record of `position` has been published (or even taken already). Sequentially
  // consistent: what a sleeper must ask after it has announced its sleep.
  bool published(std::uint64_t position) const noexcept {
    const std::uint64_t sequence = slot_at(position).sequence.load(std::memory_order_seq_cst);
    return static_cast<std::int64_t>(sequence - (position + 1)) >= 0;
  }

  // Whether pop_many would find something: the second look of the I/O thread, between
  // SleepWord::prepare_sleep and its sleep. A head that a dropper has moved meanwhile names a slot
  // that has been published too: one turn too many, never a lost wake.
  bool ready() const noexcept { return published(head_.load(std::memory_order_relaxed)); }

  // Any thread; true at some instant of the call only if nobody else is inside one.
  std::size_t size_approximate() const noexcept {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    const std::uint64_t size = tail - head;
    if (static_cast<std::int64_t>(size) < 0) return 0;
    return size < capacity_ ? static_cast<std::size_t>(size) : capacity_;
  }

  // Any thread; hints. A sleeper's re-check is ready() or published().
  std::uint64_t head_position() const noexcept { return head_.load(std::memory_order_relaxed); }
  std::uint64_t tail_position() const noexcept { return tail_.load(std::memory_order_relaxed); }
  std::size_t capacity() const noexcept { return capacity_; }

 private:
  Slot& slot_at(std::uint64_t position) const noexcept {
    return slots_[static_cast<std::size_t>(position) & (capacity_ - 1)];
  }

  bool holds_previous_lap(std::uint64_t sequence, std::uint64_t tail) const noexcept {
    return sequence + capacity_ == tail + 1;
  }

  bool untaken(std::uint64_t position) const noexcept {
    return head_.load(std::memory_order_seq_cst) == position;
  }

  bool claim(std::uint64_t tail) noexcept {
    return tail_.compare_exchange_strong(tail, tail + 1, std::memory_order_relaxed,
                                         std::memory_order_relaxed);
  }

  // The winner owns the slots [head, head + count).
  bool take(std::uint64_t head, std::size_t count) noexcept {
    return head_.compare_exchange_strong(head, head + count, std::memory_order_seq_cst,
                                         std::memory_order_relaxed);
  }

  void publish(Slot& slot, std::uint64_t position, std::uint64_t value) noexcept {
    slot.value.set(value);
    slot.sequence.store(position + 1, std::memory_order_seq_cst);
    // The lap before left the lines ahead with the taker's core: ask for them while there is time.
    Platform::prefetch(&slot_at(position + kPrefetchSlots));
  }

  std::size_t committed_from(std::uint64_t head, std::size_t count_max) const noexcept {
    std::size_t count = 0;
    while (count < count_max &&
           slot_at(head + count).sequence.load(std::memory_order_acquire) == head + count + 1) {
      ++count;
    }
    return count;
  }

  // Constant after construction.
  Slot* const slots_;
  const std::size_t capacity_;
  // Written by callers, written by takers: apart from each other and from what never changes.
  alignas(kCacheLinePair) Atomic<std::uint64_t> tail_{0};
  alignas(kCacheLinePair) Atomic<std::uint64_t> head_{0};
};

static_assert(sizeof(Ring<>::Slot) == 16,
              "four slots fill a line exactly; the plan counts 16 bytes");
static_assert(std::atomic<std::uint64_t>::is_always_lock_free,
              "a lock inside would undo every claim above");
static_assert(sizeof(Ring<>) == 3 * kCacheLinePair,
              "constants, tail and head each have their own line pair");

}  // namespace spillway
