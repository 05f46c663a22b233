// The lines that Kafka's VerifiableProducer writes: JSON, its field names, its order.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "spillway/delivery.h"

namespace spillway::cli {

// What identifies a record: all of it follows from its number, so nothing is kept per record.
struct VerifiableShape {
  std::string topic;
  std::optional<std::int32_t> value_prefix;
  std::optional<std::int32_t> repeating_keys;

  // Empty: a null key.
  [[nodiscard]] std::optional<std::string> key(std::uint64_t number) const;
  [[nodiscard]] std::string value(std::uint64_t number) const;
};

struct VerifiableSum {
  std::uint64_t sent = 0;
  std::uint64_t acked = 0;
  std::int64_t throughput = -1;
  double records_per_second = 0;
};

// As a Java client would name it: an exception's class and a sentence.
struct Refusal {
  std::string_view exception;
  std::string message;
};
[[nodiscard]] Refusal refusal_of(const Delivery& delivery, std::int64_t delivery_timeout_ms);

[[nodiscard]] std::string event_line(std::string_view name, std::int64_t timestamp);
[[nodiscard]] std::string success_line(const VerifiableShape& shape, std::uint64_t number,
                                       const Delivery& delivery, std::int64_t timestamp);
[[nodiscard]] std::string error_line(const VerifiableShape& shape, std::uint64_t number,
                                     const Refusal& refusal, std::int64_t timestamp);
[[nodiscard]] std::string sum_line(const VerifiableSum& sum, std::int64_t timestamp);

// Whole lines to a descriptor, each at once. Thread-safe. A reader who is slow holds up whoever
// writes, as in Java, but only until a second signal; one who is gone costs the lines.
class LineWriter {
 public:
  explicit LineWriter(int fd) : fd_(fd) {}
  void write(std::string_view line);

 private:
  static constexpr int kSliceMs = 100;

  [[nodiscard]] bool wait_for_room() const;

  const int fd_;
  std::mutex mutex_;
  bool gone_ = false;  // guarded by mutex_
};

}  // namespace spillway::cli
