// A thread that packs for the I/O thread, two batches ahead at most.
//
//    I/O thread: give ──► Given ──► packer thread: reads the batch's pages, packs ──► Done ──► I/O
//    thread: take, release ──► Free
//
// A batch that was given must neither change nor go before it is taken. The thread touches nothing
// else of the producer but Transport::wake.
#pragma once

#include <pthread.h>

#include <array>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>

#include "base/units.h"
#include "cluster/batch.h"
#include "net/transport.h"
#include "wire/compression.h"

namespace spillway {

// Gathers the records of a closed batch into `input` and packs them into `output`, which has
// packed_size_max bytes for them. Returns the packed size; 0: it did not get smaller.
[[nodiscard]] std::size_t pack_records(const Batch& batch, wire::Compressor& compressor,
                                       std::byte* input, std::byte* output) noexcept;

class PackerThread {
 public:
  static constexpr std::size_t kStackBytes = 256 * kKiB;

  PackerThread(std::size_t input_max, Transport& transport);
  ~PackerThread();
  PackerThread(const PackerThread&) = delete;
  PackerThread& operator=(const PackerThread&) = delete;
  [[nodiscard]] static std::size_t memory_bytes(std::size_t input_max) noexcept;

  // False: the system refuses another thread.
  [[nodiscard]] bool start();

  // --- the I/O thread
  // False: both places are taken.
  [[nodiscard]] bool give(Batch& batch, wire::Compressor& compressor, Codec codec);
  struct Packed {
    Batch* batch = nullptr;
    Codec codec = Codec::None;
    std::span<const std::byte> bytes;  // empty: it did not get smaller
  };
  // The next one that is done; no batch: none is. Its bytes are valid until release().
  [[nodiscard]] Packed take();
  void release(const Batch& batch);
  // Until a batch that was given is done: the time that its codec takes.
  void wait(const Batch& batch);

 private:
  enum class State : std::uint8_t { Free, Given, Done };
  struct Place {
    State state = State::Free;
    Batch* batch = nullptr;
    wire::Compressor* compressor = nullptr;
    Codec codec = Codec::None;
    std::size_t packed = 0;
    std::unique_ptr<std::byte[]> output;
  };

  static void* main(void* self);
  void run() noexcept;
  // nullptr: the thread shall end.
  Place* next_given() noexcept;
  Place* place_of(const Batch& batch) noexcept;

  const std::size_t input_max_;
  Transport& transport_;
  const std::unique_ptr<std::byte[]> input_;  // the packer thread's
  std::mutex mutex_;
  std::condition_variable given_;
  std::condition_variable done_;
  std::array<Place, 2> places_;  // guarded by mutex_, but for what a Given one refers to
  std::size_t turn_ = 0;         // the place that is packed next: in the order of give
  std::size_t give_at_ = 0;
  bool ends_ = false;
  bool running_ = false;
  pthread_t thread_{};
};

}  // namespace spillway
