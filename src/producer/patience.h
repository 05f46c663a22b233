// A caller's wait under Block: one deadline over all the reasons it may have to wait.
#pragma once

#include <chrono>
#include <optional>
#include <thread>

#include "base/clock.h"
#include "ring/event_count.h"

namespace spillway {

class Patience {
 public:
  explicit Patience(std::chrono::milliseconds limit) noexcept : limit_(limit) {}

  // Call after each failed attempt. The first call of a pair only announces the waiter, so that the
  // next attempt decides whether to sleep; the second sleeps. False: the deadline has passed.
  [[nodiscard]] bool next(EventCount<>& changes) noexcept {
    if (!ticket_) {
      ticket_ = changes.prepare_wait();
      return true;
    }
    const bool changed = changes.wait(*ticket_, deadline());
    ticket_.reset();
    return changed;
  }

  // For what nobody will announce: a thread that was preempted with a lane or a slot in hand.
  // False: the deadline has passed.
  [[nodiscard]] bool pause() noexcept {
    if (mono_now() >= deadline()) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(100));
    return true;
  }

  // The clock is read when somebody first has to wait, not on the path that never does.
  [[nodiscard]] MonoTime deadline() noexcept {
    if (!deadline_) {
      const MonoTime now = mono_now();
      deadline_ = limit_ > std::chrono::hours(24 * 365) ? kNever : now + limit_;
    }
    return *deadline_;
  }

 private:
  const std::chrono::milliseconds limit_;
  std::optional<MonoTime> deadline_;
  std::optional<EventCount<>::Ticket> ticket_;
};

}  // namespace spillway
