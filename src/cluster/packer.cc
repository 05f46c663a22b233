#include "cluster/packer.h"

#include <algorithm>

#include "base/check.h"

namespace spillway {
namespace {

// A batch may exceed its limit by the one record that it must take.
std::size_t input_max(const Options& options) noexcept {
  return std::max(options.batch_bytes_max, options.record_bytes_max + wire::kRecordPrefixSizeMax);
}

}  // namespace

Packer::Packer(const Options& options, Transport& transport)
    : options_(options), input_max_(input_max(options)) {
  for (const Compression& each : distinct(options)) {
    auto compressor = wire::Compressor::create(each, input_max_);
    SPILL_CHECK(compressor != nullptr, "there is no memory for the state of a codec");
    choices_.push_back({each, std::move(compressor)});
  }
  if (choices_.empty()) return;
  input_ = std::make_unique_for_overwrite<std::byte[]>(input_max_);
  output_ = std::make_unique_for_overwrite<std::byte[]>(wire::packed_size_max(input_max_));
  if (options.compression_thread) thread_ = std::make_unique<PackerThread>(input_max_, transport);
}

bool Packer::start() {
  return thread_ == nullptr || thread_->start();
}

std::vector<Compression> Packer::distinct(const Options& options) {
  std::vector<Compression> found;
  const auto take = [&found](const Compression& each) {
    if (each.codec != Codec::None && std::find(found.begin(), found.end(), each) == found.end())
      found.push_back(each);
  };
  take(options.compression);
  for (const TopicCompression& each : options.compression_of) take(each.compression);
  return found;
}

std::size_t Packer::memory_bytes(const Options& options) {
  const std::vector<Compression> used = distinct(options);
  const std::size_t input = input_max(options);
  std::size_t bytes = used.empty() ? 0 : input + wire::packed_size_max(input);
  if (!used.empty() && options.compression_thread) bytes += PackerThread::memory_bytes(input);
  for (const Compression& each : used) bytes += wire::Compressor::memory_bytes(each, input);
  return bytes;
}

const Compression& Packer::wanted(std::string_view topic) const noexcept {
  for (const TopicCompression& each : options_.compression_of) {
    if (each.topic == topic) return each.compression;
  }
  return options_.compression;
}

Packer::Choice* Packer::find(const Compression& compression) noexcept {
  for (Choice& each : choices_) {
    if (each.compression == compression) return &each;
  }
  return nullptr;
}

void Packer::pack(Batch& batch, std::string_view topic, Pool& pool) noexcept {
  batch.close();
  if (choices_.empty()) return;
  const Choice* choice = find(wanted(topic));
  if (choice == nullptr || batch.records_size() > input_max_) return;
  if (thread_ != nullptr) {
    batch.packing = true;
    batch.packer_choice = static_cast<std::uint8_t>(choice - choices_.data());
    waiting_.push_back(batch);
    return feed();
  }
  const std::size_t packed = pack_records(batch, *choice->compressor, input_.get(), output_.get());
  if (packed == 0) return;
  // Without a page the records go out as they are.
  (void)batch.replace_records(choice->compression.codec, {output_.get(), packed}, pool);
}

std::span<const std::byte> Packer::unpack(const Batch& batch) noexcept {
  if (batch.codec() == Codec::None) return {};
  batch.copy_records(output_.get());
  const std::size_t size = wire::unpack(batch.codec(), {output_.get(), batch.records_size()},
                                        {input_.get(), input_max_});
  return {input_.get(), size};
}

void Packer::feed() noexcept {
  while (Batch* const batch = waiting_.front()) {
    const Choice& choice = choices_[batch->packer_choice];
    if (!thread_->give(*batch, *choice.compressor, choice.compression.codec)) return;
    waiting_.remove(*batch);
  }
}

void Packer::give_up(Batch& batch) noexcept {
  if (!batch.packing) return;
  batch.packing = false;
  if (batch.to_pack.linked) return waiting_.remove(batch);
  thread_->wait(batch);
  thread_->release(batch);
  feed();
}

}  // namespace spillway
