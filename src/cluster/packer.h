// Packs closed batches, each topic with its codec. Gathers a batch into one scratch, packs it into
// another, and puts the result back into the batch's own pages; what does not get smaller stays as
// it is. I/O thread only.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/batch.h"
#include "spillway/options.h"
#include "wire/compression.h"

namespace spillway {

class Packer {
 public:
  explicit Packer(const Options& options);
  // Scratch and the state of the codecs that the options name; 0 if they name none.
  [[nodiscard]] static std::size_t memory_bytes(const Options& options);

  // Closes the batch. Cost: that of the codec, and two copies.
  void pack(Batch& batch, std::string_view topic, Pool& pool) noexcept;
  [[nodiscard]] Codec codec_of(std::string_view topic) const noexcept {
    return wanted(topic).codec;
  }
  // The records of a packed batch, valid until the next call of either. Empty: it is not packed, or
  // its own codec does not understand it.
  [[nodiscard]] std::span<const std::byte> unpack(const Batch& batch) noexcept;

 private:
  struct Choice {
    Compression compression;
    std::unique_ptr<wire::Compressor> compressor;
  };
  // Codec and level pairs, each once: all topics that share one share its state.
  static std::vector<Compression> distinct(const Options& options);
  [[nodiscard]] const Compression& wanted(std::string_view topic) const noexcept;
  [[nodiscard]] Choice* find(const Compression& compression) noexcept;

  const Options& options_;
  const std::size_t input_max_;
  std::vector<Choice> choices_;
  std::unique_ptr<std::byte[]> input_;
  std::unique_ptr<std::byte[]> output_;
};

}  // namespace spillway
