// What the producer tells the application on its own: implement what you care about.
#pragma once

#include <cstdint>
#include <string_view>

#include "spillway/delivery.h"
#include "spillway/overload.h"

namespace spillway {

// One group of records of a partition that met the same fate together: the cheap alternative to a
// callback per record.
struct BatchDelivery {
  Delivery first;       // fate, reason, partition, offset of the first record
  std::uint32_t count;  // records; offsets are consecutive
  std::uint64_t bytes;  // of these records as they stand on the wire, headers of the batch excluded
};

enum class Severity : std::uint8_t { Info, Warning, Error };

// All calls come from the I/O thread (on_level: or from a caller that crossed the level) and must
// be short, must not throw and must not call back into the producer, except FailFast sends.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_level(Level /*from*/, Level /*to*/) noexcept {}
  virtual void on_delivery(const BatchDelivery& /*delivery*/) noexcept {}
  // A sentence for a log: connections lost and found, topics gone, throttling, epochs bumped.
  virtual void on_event(Severity /*severity*/, std::string_view /*sentence*/) noexcept {}
};

}  // namespace spillway
