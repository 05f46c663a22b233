#include "apps/spillway/event_log.h"

#include <utility>

namespace spillway::cli {

void EventLog::on_event(Severity severity, std::string_view sentence) noexcept {
  if (severity == Severity::Info) return;
  const std::lock_guard lock(mutex_);
  const std::string_view kept = sentence.substr(0, kSentenceBytesMax);
  if (kept == last_) return;
  last_ = kept;
  if (sentences_.size() == kSentencesMax) {
    lost_ += 1;
    return;
  }
  sentences_.emplace_back(kept);
}

void EventLog::on_delivery(const BatchDelivery& delivery) noexcept {
  if (delivery.first.kafka_error == 0) return;
  const std::lock_guard lock(mutex_);
  if (kafka_error_first_ == 0) kafka_error_first_ = delivery.first.kafka_error;
}

EventLog::Taken EventLog::take() {
  const std::lock_guard lock(mutex_);
  Taken taken;
  taken.sentences.assign(sentences_.begin(), sentences_.end());
  taken.lost = std::exchange(lost_, 0);
  sentences_.clear();
  return taken;
}

std::int16_t EventLog::kafka_error_first() const {
  const std::lock_guard lock(mutex_);
  return kafka_error_first_;
}

}  // namespace spillway::cli
