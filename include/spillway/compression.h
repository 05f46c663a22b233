// What a batch is packed with before it is sent.
#pragma once

#include <cstdint>
#include <string>

namespace spillway {

enum class Codec : std::uint8_t { None = 0, Gzip = 1, Snappy = 2, Lz4 = 3, Zstd = 4 };

// A batch that does not get smaller is sent as it is. Brokers and consumers must know the codec;
// zstd needs Kafka 2.1.
struct Compression {
  static constexpr int kLevelDefault = -1;
  Codec codec = Codec::None;
  // Gzip 1..12, lz4 1..12, zstd 1..22, snappy has none. Default: 6, 1, 3. Higher is smaller,
  // slower, and holds more of the budget.
  int level = kLevelDefault;
  bool operator==(const Compression&) const = default;
};

struct TopicCompression {
  std::string topic;
  Compression compression;
};

}  // namespace spillway
