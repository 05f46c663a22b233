#include "cluster/packer_thread.h"

#include "base/check.h"

namespace spillway {

std::size_t pack_records(const Batch& batch, wire::Compressor& compressor, std::byte* input,
                         std::byte* output) noexcept {
  const std::size_t size = batch.records_size();
  batch.copy_records(input);
  const std::size_t packed = compressor.pack({input, size}, {output, wire::packed_size_max(size)});
  return packed < size ? packed : 0;
}

PackerThread::PackerThread(std::size_t input_max, Transport& transport)
    : input_max_(input_max),
      transport_(transport),
      input_(std::make_unique_for_overwrite<std::byte[]>(input_max)) {
  for (Place& place : places_)
    place.output = std::make_unique_for_overwrite<std::byte[]>(wire::packed_size_max(input_max));
}

PackerThread::~PackerThread() {
  if (!running_) return;
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  given_.notify_one();
  ::pthread_join(thread_, nullptr);
}

std::size_t PackerThread::memory_bytes(std::size_t input_max) noexcept {
  return input_max + 2 * wire::packed_size_max(input_max) + kStackBytes + sizeof(PackerThread);
}

bool PackerThread::start() {
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, kStackBytes);
  running_ = ::pthread_create(&thread_, &attributes, &PackerThread::main, this) == 0;
  ::pthread_attr_destroy(&attributes);
  if (running_) ::pthread_setname_np(thread_, "spillway-pack");
  return running_;
}

bool PackerThread::give(Batch& batch, wire::Compressor& compressor, Codec codec) {
  SPILL_DCHECK(!batch.takes_records() && batch.records_size() <= input_max_,
               "only a closed batch that fits is given");
  {
    const std::lock_guard lock(mutex_);
    Place& place = places_[give_at_];
    if (place.state != State::Free) return false;
    place.batch = &batch;
    place.compressor = &compressor;
    place.codec = codec;
    place.state = State::Given;
    give_at_ = (give_at_ + 1) % places_.size();
  }
  given_.notify_one();
  return true;
}

PackerThread::Packed PackerThread::take() {
  const std::lock_guard lock(mutex_);
  for (const Place& place : places_) {
    if (place.state == State::Done)
      return {place.batch, place.codec, {place.output.get(), place.packed}};
  }
  return {};
}

void PackerThread::release(const Batch& batch) {
  const std::lock_guard lock(mutex_);
  Place* const place = place_of(batch);
  SPILL_CHECK(place != nullptr && place->state == State::Done, "what is done is released once");
  place->state = State::Free;
  place->batch = nullptr;
}

void PackerThread::wait(const Batch& batch) {
  std::unique_lock lock(mutex_);
  done_.wait(lock, [&] {
    const Place* const place = place_of(batch);
    return place == nullptr || place->state == State::Done;
  });
}

PackerThread::Place* PackerThread::place_of(const Batch& batch) noexcept {
  for (Place& place : places_) {
    if (place.state != State::Free && place.batch == &batch) return &place;
  }
  return nullptr;
}

void* PackerThread::main(void* self) {
  static_cast<PackerThread*>(self)->run();
  return nullptr;
}

PackerThread::Place* PackerThread::next_given() noexcept {
  std::unique_lock lock(mutex_);
  given_.wait(lock, [this] { return ends_ || places_[turn_].state == State::Given; });
  if (ends_) return nullptr;
  return &places_[turn_];
}

void PackerThread::run() noexcept {
  while (Place* const place = next_given()) {
    const std::size_t packed =
        pack_records(*place->batch, *place->compressor, input_.get(), place->output.get());
    {
      const std::lock_guard lock(mutex_);
      place->packed = packed;
      place->state = State::Done;
      turn_ = (turn_ + 1) % places_.size();
    }
    done_.notify_all();
    transport_.wake();
  }
}

}  // namespace spillway
