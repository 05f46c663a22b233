// What the producer tells on its own, kept until somebody prints it, and the first cause of
// failure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "spillway/observer.h"

namespace spillway::cli {

// Called by the I/O thread, which must not wait for a terminal: sentences are queued, at most
// kSentencesMax of kSentenceBytesMax; more are counted. A sentence that only repeats the one before
// is kept once: an outage is one piece of news. Must outlive the producer.
class EventLog final : public Observer {
 public:
  static constexpr std::size_t kSentencesMax = 32;
  static constexpr std::size_t kSentenceBytesMax = 300;

  void on_event(Severity severity, std::string_view sentence) noexcept override;
  void on_delivery(const BatchDelivery& delivery) noexcept override;

  struct Taken {
    std::vector<std::string> sentences;
    std::uint64_t lost = 0;
  };
  // Warnings and errors since the last call, oldest first. Any thread.
  Taken take();

  // The protocol's error code of the first record that failed with one; 0 if none.
  [[nodiscard]] std::int16_t kafka_error_first() const;

 private:
  mutable std::mutex mutex_;
  std::deque<std::string> sentences_;  // guarded by mutex_, as all below
  std::string last_;
  std::uint64_t lost_ = 0;
  std::int16_t kafka_error_first_ = 0;
};

}  // namespace spillway::cli
