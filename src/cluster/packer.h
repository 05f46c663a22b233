// Packs closed batches, each topic with its codec, on the calling thread or on one of its own.
// Gathers a batch into one scratch, packs it into another, and puts the result back into the
// batch's own pages; what does not get smaller stays as it is. I/O thread only.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/batch.h"
#include "cluster/packer_thread.h"
#include "spillway/options.h"
#include "wire/compression.h"

namespace spillway {

class Packer {
 public:
  Packer(const Options& options, Transport& transport);
  // Scratch and the state of the codecs that the options name; 0 if they name none.
  [[nodiscard]] static std::size_t memory_bytes(const Options& options);

  // False: the system refuses the thread that the options ask for.
  [[nodiscard]] bool start();
  // Whether batches are packed by another thread.
  [[nodiscard]] bool threaded() const noexcept { return thread_ != nullptr; }

  // Closes the batch. Cost: that of the codec, and two copies; with a thread, none, and `packing`
  // says that it is not done.
  void pack(Batch& batch, std::string_view topic, Pool& pool) noexcept;
  // Visits each batch that the thread has finished, before and after its bytes are replaced.
  template <typename Before, typename After>
  void finish(Pool& pool, Before before, After after) noexcept {
    if (thread_ == nullptr) return;
    for (;;) {  // at most the two that the thread may have
      const PackerThread::Packed done = thread_->take();
      if (done.batch == nullptr) break;
      before(*done.batch);
      if (!done.bytes.empty()) (void)done.batch->replace_records(done.codec, done.bytes, pool);
      done.batch->packing = false;
      thread_->release(*done.batch);
      after(*done.batch);
    }
    feed();
  }
  // The batch is about to go. Waits for the thread if it is at it.
  void give_up(Batch& batch) noexcept;
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

  // Gives the thread what waits, as much as it takes.
  void feed() noexcept;

  const Options& options_;
  const std::size_t input_max_;
  std::vector<Choice> choices_;
  std::unique_ptr<std::byte[]> input_;
  std::unique_ptr<std::byte[]> output_;
  BatchesToPack waiting_;
  std::unique_ptr<PackerThread> thread_;
};

}  // namespace spillway
