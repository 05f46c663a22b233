// Records out of nothing: slices of one random block, so that making one costs an addition.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "spillway/record.h"

namespace spillway::cli {

struct PayloadShape {
  std::uint64_t value_bytes = 100;
  std::uint64_t key_bytes = 0;   // 0: null key
  std::uint64_t headers = 0;     // of kHeaderBytes each, name and value together
  std::uint64_t partitions = 0;  // 0: the producer chooses; else record i goes to i % partitions
};

// Holds kBlockBytes and the longest value once. Immutable: any number of threads may ask.
class Payload {
 public:
  static constexpr std::size_t kBlockBytes = 1 << 20;
  static constexpr std::size_t kHeaderBytes = 64;
  static constexpr std::uint64_t kPartBytesMax = 16 << 20;
  static constexpr std::uint64_t kHeadersMax = 1000;

  explicit Payload(const PayloadShape& shape);

  // Views into the block, valid as long as the payload. Same number, same record.
  [[nodiscard]] Record record(std::uint64_t number) const noexcept {
    constexpr std::uint64_t kStride = 61;  // odd: every offset of the block comes up
    const char* at = block_.data() + ((number * kStride) & (kBlockBytes - 1));
    Record record;
    record.value = Bytes(at, shape_.value_bytes);
    if (shape_.key_bytes > 0) record.key = Bytes(at, shape_.key_bytes);
    record.headers = headers_;
    if (shape_.partitions > 0) {
      record.partition = static_cast<std::int32_t>(number % shape_.partitions);
    }
    return record;
  }

 private:
  const PayloadShape shape_;
  const std::string block_;
  std::vector<Header> headers_;
};

}  // namespace spillway::cli
