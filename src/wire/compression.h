// Packs the records of a batch. One Compressor owns all that its codec needs, so that packing takes
// no memory from anywhere else.
//
// What goes out, as Kafka's clients read it: gzip a member (RFC 1952), snappy one raw block (not
// the framed format), lz4 and zstd one frame each; lz4 with independent blocks, the only ones that
// Kafka's Java client reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "spillway/compression.h"
#include "spillway/error.h"

namespace spillway::wire {

// InvalidOption: a level that the codec does not have.
[[nodiscard]] Result<void> check_compression(const Compression& choice);

// Room that packing `input` bytes may need with any codec.
[[nodiscard]] constexpr std::size_t packed_size_max(std::size_t input) noexcept {
  return input + input / 6 + 128;
}

class Compressor {
 public:
  // For inputs of up to input_max bytes. `choice` has passed check_compression and is not None.
  // nullptr: no memory.
  [[nodiscard]] static std::unique_ptr<Compressor> create(const Compression& choice,
                                                          std::size_t input_max);
  // What create and pack hold, for the plan. Never less than what they take: compression_test
  // measures it.
  [[nodiscard]] static std::size_t memory_bytes(const Compression& choice, std::size_t input_max);

  virtual ~Compressor() = default;
  // Returns the packed size; 0: the codec failed. `out` has packed_size_max bytes. One thread at a
  // time. No allocation, except for snappy, whose library takes its table for each call.
  [[nodiscard]] virtual std::size_t pack(std::span<const std::byte> in,
                                         std::span<std::byte> out) noexcept = 0;
};

// The other way. Returns the unpacked size; 0: `in` is damaged, or larger than `out`. May allocate.
[[nodiscard]] std::size_t unpack(Codec codec, std::span<const std::byte> in,
                                 std::span<std::byte> out) noexcept;

}  // namespace spillway::wire
