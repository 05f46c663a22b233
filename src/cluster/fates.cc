#include "cluster/fates.h"

namespace spillway {
namespace {

thread_local const Fates* current = nullptr;

// Nests: a callback's DropOldest send may end another record.
class InsideCallback {
 public:
  explicit InsideCallback(const Fates* fates) noexcept : outer_(current) { current = fates; }
  ~InsideCallback() { current = outer_; }
  InsideCallback(const InsideCallback&) = delete;
  InsideCallback& operator=(const InsideCallback&) = delete;

 private:
  const Fates* const outer_;
};

}  // namespace

void Fates::end(const Batch& batch, const Delivery& delivery) noexcept {
  const InsideCallback guard(this);
  batch.for_each_completion([&delivery](DeliveryCallback callback, void* context,
                                        std::uint32_t index, std::uint32_t records) {
    if (callback == nullptr) return;
    Delivery each = delivery;
    for (std::uint32_t i = 0; i < records; ++i) {
      if (delivery.offset >= 0) each.offset = delivery.offset + index + i;
      callback(context, each);
    }
  });
  // After the callbacks: whoever sees the count knows that they have run.
  count(delivery, batch.record_count());
  if (observer_ != nullptr)
    observer_->on_delivery({delivery, batch.record_count(), batch.records_size()});
}

void Fates::end_record(const Completion& completion, const Delivery& delivery) noexcept {
  const InsideCallback guard(this);
  if (completion.callback != nullptr) completion.callback(completion.context, delivery);
  count(delivery, 1);
}

void Fates::count(const Delivery& delivery, std::uint64_t records) noexcept {
  by_fate_[static_cast<std::size_t>(delivery.fate)].fetch_add(records, std::memory_order_release);
  if (delivery.reason != Reason::None) {
    by_reason_[static_cast<std::size_t>(delivery.reason)].fetch_add(records,
                                                                    std::memory_order_relaxed);
  }
}

Ledger Fates::ledger() const noexcept {
  const auto of = [this](Fate fate) {
    return by_fate_[static_cast<std::size_t>(fate)].load(std::memory_order_acquire);
  };
  Ledger ledger;
  ledger.delivered = of(Fate::Delivered);
  ledger.dropped = of(Fate::Dropped);
  ledger.failed = of(Fate::Failed);
  ledger.unknown = of(Fate::Unknown);
  for (std::size_t i = 0; i < by_reason_.size(); ++i)
    ledger.by_reason[i] = by_reason_[i].load(std::memory_order_relaxed);
  return ledger;
}

std::uint64_t Fates::ended() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& count : by_fate_) sum += count.load(std::memory_order_acquire);
  return sum;
}

bool Fates::inside_callback() const noexcept {
  return current == this;
}

}  // namespace spillway
