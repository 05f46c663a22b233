#include "producer/core.h"

#include <algorithm>
#include <thread>

#include "base/check.h"
#include "cluster/sasl_text.h"

namespace spillway {
namespace {

MonoTime deadline_after(std::chrono::milliseconds limit) noexcept {
  return limit > std::chrono::hours(24 * 365)
             ? kNever
             : mono_now() + std::max(limit, std::chrono::milliseconds(0));
}

std::span<std::byte> raw(std::unique_ptr<std::byte[]>& memory, std::uint32_t slots) {
  return {memory.get(), slots * sizeof(Ring<>::Slot)};
}

}  // namespace

Core::Core(const Options& options, MemoryPlan plan, std::vector<Endpoint> bootstrap,
           std::unique_ptr<Transport> transport)
    : options_(options),
      transactional_(!options.transactional_id.empty()),
      plan_(std::move(plan)),
      pool_(plan_.pool),
      ring_memory_(
          std::make_unique_for_overwrite<std::byte[]>(plan_.ring_slots * sizeof(Ring<>::Slot))),
      ring_(Ring<>::slots_in(raw(ring_memory_, plan_.ring_slots))),
      lanes_(plan_.lanes, pool_),
      topics_(options_),
      fates_(options_.observer),
      transport_(std::move(transport)),
      engine_(options_, std::move(bootstrap), pool_, *transport_, fates_, topics_),
      level_(options_.water_levels) {
  if (options_.sasl) wipe(options_.sasl->password);    // the engine has it
  if (options_.tls) wipe(options_.tls->key_password);  // the transport has it
}

Core::~Core() {
  if (running_) (void)close(std::chrono::milliseconds(0));
}

Result<void> Core::start() {
  if (!pool_.valid())
    return Error(ErrorCode::System, "the system refused the address space for the pool");
  if (auto started = engine_.start(); !started) return started;
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, kIoStackBytes);
  const int error = ::pthread_create(&thread_, &attributes, &Core::io_main, this);
  ::pthread_attr_destroy(&attributes);
  if (error != 0) return Error(ErrorCode::System, "the system refused another thread");
  ::pthread_setname_np(thread_, "spillway-io");
  running_ = true;
  return {};
}

Result<Topic> Core::topic(std::string_view name, std::chrono::milliseconds deadline) {
  if (closed_.load(std::memory_order_relaxed)) return ErrorCode::Closed;
  auto id = topics_.intern(name);
  if (!id) return id.error();
  transport_->wake();
  if (fates_.inside_callback()) deadline = std::chrono::milliseconds(0);
  Patience patience(deadline);
  for (;;) {
    const TopicState state = topics_.state(*id);
    if (state == TopicState::Ready) return Topic(*id);
    if (state == TopicState::Unknown) {
      return Error(ErrorCode::UnknownTopic, "the cluster has no topic '" + std::string(name) +
                                                "' that this client may write to: create it first");
    }
    if (deadline.count() == 0) return Topic(*id);
    if (closed_.load(std::memory_order_relaxed)) return ErrorCode::Closed;
    if (patience.next(topics_.changed())) continue;
    const Engine::Trouble trouble = engine_.last_trouble();
    if (engine_.counters().brokers_connected.load(std::memory_order_relaxed) == 0) {
      return Error(trouble.code, trouble.sentence.empty() ? "no bootstrap address answered in time"
                                                          : trouble.sentence);
    }
    return Error(ErrorCode::TimedOut,
                 "the cluster did not describe topic '" + std::string(name) + "' in time");
  }
}

Result<Delivery> Core::send_and_wait(Topic topic, const Record& record,
                                     std::chrono::milliseconds deadline) {
  if (fates_.inside_callback()) return refuse(ErrorCode::WouldDeadlock);
  // Shared by this call and the callback, which may come after the call has given up.
  struct Wait {
    EventCount<> changed;
    std::atomic<bool> done{false};
    std::atomic<int> owners{2};
    Delivery delivery{};
    static void leave(Wait* wait) {
      if (wait->owners.fetch_sub(1, std::memory_order_acq_rel) == 1) delete wait;
    }
  };
  auto* wait = new Wait;
  const auto on_delivery = [](void* context, const Delivery& delivery) noexcept {
    auto* mine = static_cast<Wait*>(context);
    mine->delivery = delivery;
    mine->done.store(true, std::memory_order_seq_cst);
    mine->changed.notify_all();
    Wait::leave(mine);
  };
  const MonoTime begin = mono_now();
  const auto block = std::min(deadline, options_.block_deadline);
  if (auto sent = send(topic, record, {on_delivery, wait}, block); !sent) {
    delete wait;
    return sent.error();
  }
  const auto spent = std::chrono::floor<std::chrono::milliseconds>(mono_now() - begin);
  Patience patience(std::max(deadline - spent, std::chrono::milliseconds(0)));
  bool done = wait->done.load(std::memory_order_seq_cst);
  while (!done && patience.next(wait->changed)) done = wait->done.load(std::memory_order_seq_cst);
  const Delivery delivery = wait->delivery;
  Wait::leave(wait);
  if (!done) return Error(ErrorCode::TimedOut, "the record's fate is not known yet; it goes on");
  return delivery;
}

Result<void> Core::flush(std::chrono::milliseconds deadline) {
  if (fates_.inside_callback()) return refuse(ErrorCode::WouldDeadlock);
  Patience patience(deadline);
  return flush(patience);
}

Result<void> Core::flush(Patience& patience) {
  const std::uint64_t ticket = flush_asked_.fetch_add(1, std::memory_order_seq_cst) + 1;
  transport_->wake();
  while (flush_done_.load(std::memory_order_seq_cst) < ticket) {
    if (closed_.load(std::memory_order_relaxed)) return ErrorCode::Closed;
    if (!patience.next(flushed_)) return ErrorCode::TimedOut;
  }
  return {};
}

Result<CloseReport> Core::close(std::chrono::milliseconds deadline) {
  if (fates_.inside_callback()) return ErrorCode::WouldDeadlock;
  MutexLock lock(close_mutex_);
  if (close_report_) return *close_report_;
  const Ledger before = fates_.ledger();
  const auto of = [](const Ledger& ledger, Reason reason) {
    return ledger.by_reason[static_cast<std::size_t>(reason)];
  };
  closed_.store(true, std::memory_order_seq_cst);
  room_.notify_all();
  topics_.changed().notify_all();
  flushed_.notify_all();
  engine_.transactions().changed().notify_all();
  lanes_.close_all();  // afterwards nobody publishes any more
  // kNever means that nobody has asked.
  const MonoTime close_at = std::min(deadline_after(deadline), kNever - MonoDuration(1));
  close_at_.store(close_at.time_since_epoch().count(), std::memory_order_seq_cst);
  transport_->wake();
  if (running_) ::pthread_join(thread_, nullptr);
  running_ = false;
  const Ledger after = fates_.ledger();
  CloseReport report;
  report.unknown = after.unknown - before.unknown;
  report.dropped = (after.dropped - of(after, Reason::DropOldest)) -
                   (before.dropped - of(before, Reason::DropOldest));
  close_report_ = report;
  return report;
}

Snapshot Core::snapshot() const {
  Snapshot snapshot;
  // Fates before acceptances: a record that ends in between is then held, never negative.
  snapshot.ledger = fates_.ledger();
  const std::uint64_t ended = snapshot.ledger.delivered + snapshot.ledger.dropped +
                              snapshot.ledger.failed + snapshot.ledger.unknown;
  // Every publish is an acceptance, and positions are never reused: the ring's tail counts them for
  // nothing.
  snapshot.ledger.accepted = std::max(ring_.tail_position(), ended);
  snapshot.ledger.held = snapshot.ledger.accepted - ended;
  const auto refused = [this](ErrorCode code) {
    return refusals_[static_cast<std::size_t>(code)].load(std::memory_order_relaxed);
  };
  snapshot.refusals = {refused(ErrorCode::Full),         refused(ErrorCode::Busy),
                       refused(ErrorCode::TooLarge),     refused(ErrorCode::WouldDeadlock),
                       refused(ErrorCode::Closed),       refused(ErrorCode::UnknownTopic),
                       refused(ErrorCode::TopicPending), refused(ErrorCode::NoTransaction)};
  const EngineCounters& counters = engine_.counters();
  const auto get = [](const std::atomic<std::uint64_t>& value) {
    return value.load(std::memory_order_relaxed);
  };
  snapshot.memory = {options_.memory_max,
                     plan_.fixed_bytes,
                     plan_.fixed_bytes + pool_.used(),
                     plan_.fixed_bytes + pool_.used_peak(),
                     plan_.fixed_bytes + pool_.resident(),
                     get(counters.payload),
                     get(counters.payload_held_by)};
  snapshot.level = level_.level();
  snapshot.batches_sent = get(counters.batches_sent);
  snapshot.batches_retried = get(counters.batches_retried);
  snapshot.batch_bytes_sent = get(counters.batch_bytes_sent);
  snapshot.requests_in_flight = get(counters.requests_in_flight);
  snapshot.brokers_connected = get(counters.brokers_connected);
  snapshot.throttled_ms = get(counters.throttled_ms);
  snapshot.epoch_bumps = get(counters.epoch_bumps);
  snapshot.authentications = get(counters.authentications);
  snapshot.authentications_failed = get(counters.authentications_failed);
  snapshot.wakes = wakes_.load(std::memory_order_relaxed);
  return snapshot;
}

}  // namespace spillway
