// One produce request that is filled where it lies: every record is encoded at its final place,
// once.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "harness/payload.h"
#include "probe/broker_link.h"

namespace spillway::bench {

//  request header | produce v7 body up to the records | batch header, 61 bytes | records …
//  ^ buffer_        fixed for a topic                   ^ batch_              ^ first record
class OpenBatch {
 public:
  OpenBatch(const std::string& topic, std::size_t bytes_max, std::uint64_t headers,
            std::int16_t acks);

  // False if the record does not fit any more.
  [[nodiscard]] bool append(const Item& item) noexcept;
  // Completes lengths, sequence and CRC. The bytes stay valid until the next append.
  [[nodiscard]] std::span<const char> seal(std::int32_t correlation, std::int32_t partition,
                                           ProducerIdentity producer,
                                           std::int32_t base_sequence) noexcept;
  [[nodiscard]] std::int32_t count() const noexcept { return count_; }

 private:
  static constexpr std::size_t kBatchHeader = 61;

  std::uint64_t headers_;
  std::vector<char> buffer_;
  std::size_t batch_ = 0;
  char* end_ = nullptr;
  const char* limit_ = nullptr;
  std::int32_t count_ = 0;
};

}  // namespace spillway::bench
