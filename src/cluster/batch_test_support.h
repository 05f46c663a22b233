// A batch that is filled in every way, and read back as a broker would.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "cluster/batch.h"
#include "cluster/partition.h"
#include "cluster/record.h"
#include "spillway/record.h"
#include "wire/batch_reader.h"
#include "wire/compression.h"

namespace spillway {

inline constexpr ProducerIdentity kIdentity{7, 1};

inline void callback(void*, const Delivery&) noexcept {}

class BatchTest : public ::testing::Test {
 protected:
  explicit BatchTest(std::size_t bytes = 8 * kMiB)
      : pool_(std::make_unique<Pool>(Pool::Config{bytes, bytes / 2, 0, 256 * kKiB})) {
    create();
  }
  ~BatchTest() override {
    if (batch_ != nullptr) Batch::destroy(batch_, *pool_);
  }
  void create() {
    batch_ = Batch::create(*pool_, partition_, MonoTime{});
    values_.clear();
  }

  std::string next_value(std::size_t size) {
    return std::string(size, static_cast<char>('a' + values_.size() % 26));
  }
  static std::int64_t time_of(std::size_t index) {
    return 1'000 + static_cast<std::int64_t>(index * 7 % 50);  // forth and back
  }

  bool copy(std::size_t size) {
    const std::string value = next_value(size);
    std::vector<std::byte> tail(tail_size(value));
    write_tail(tail.data(), value);
    if (!batch_->append_copy(tail, time_of(values_.size()), completion(), *pool_)) return false;
    values_.push_back(value);
    return true;
  }

  // A record that stays in a span of its own.
  bool refer(std::size_t size) {
    const std::string value = next_value(size);
    const std::size_t tail = tail_size(value);
    const auto block = pool_->open_span(kPrefixRoom + tail);
    if (!block) return false;
    (void)pool_->close(block->id, block->generation, 1);
    std::byte* begin = block->bytes.data() + kPrefixRoom;
    write_tail(begin, value);
    const std::span<const std::byte> parts[] = {{begin, tail}};
    return own(parts, *block, value);
  }

  // As send_borrowed leaves it: length and headers in the span, the value elsewhere.
  bool borrow(std::size_t size) {
    borrowed_.push_back(std::make_unique<std::string>(next_value(size)));
    const std::string& value = *borrowed_.back();
    const auto block = pool_->open_span(kPrefixRoom + 64);
    if (!block) return false;
    (void)pool_->close(block->id, block->generation, 1);
    std::byte* const first = block->bytes.data() + kPrefixRoom;
    std::byte* end = wire::write_key_part(first, nullptr, 0);
    end = wire::write_varint(end, static_cast<std::int32_t>(size));
    std::byte* const last = end;
    end = wire::write_headers_part(end, std::span<const Header>{});
    const std::span<const std::byte> parts[] = {
        {first, last}, std::as_bytes(std::span(value)), {last, end}};
    return own(parts, *block, value);
  }

  // Records of every kind and of many sizes.
  void fill(Random& random, std::uint64_t records) {
    for (; records > 0; --records) {
      const std::uint64_t kind = random.below(8);
      ASSERT_TRUE(kind == 0   ? refer(768 + random.below(9'000))
                  : kind == 1 ? borrow(random.below(3'000))
                              : copy(random.below(random.below(4) == 0 ? 6'000 : 100)));
    }
  }

  bool own(std::span<const std::span<const std::byte>> parts, const Block& block,
           const std::string& value) {
    if (!batch_->append_reference(parts, block.id, block.generation, time_of(values_.size()),
                                  completion(), *pool_)) {
      (void)pool_->release(block.id, block.generation, 1);
      return false;
    }
    values_.push_back(value);
    return true;
  }

  Completion completion() { return {callback, reinterpret_cast<void*>(values_.size() * 8)}; }

  // What a connection would get if it took `piece` entries at a time, from `position` on.
  std::vector<std::byte> bytes_from(std::size_t position, std::size_t piece = 64) const {
    std::vector<std::byte> out;
    std::vector<iovec> pieces(piece);
    while (position + out.size() < batch_->wire_size()) {
      const std::size_t count = batch_->gather(position + out.size(), pieces);
      EXPECT_GT(count, 0u);
      if (count == 0) return out;
      for (std::size_t i = 0; i < count; ++i) {
        const auto* data = static_cast<const std::byte*>(pieces[i].iov_base);
        out.insert(out.end(), data, data + pieces[i].iov_len);
      }
    }
    return out;
  }

  void expect_sound(std::int32_t base_sequence, const ProducerIdentity& identity = kIdentity) {
    const std::vector<std::byte> bytes = bytes_from(0);
    ASSERT_EQ(bytes.size(), batch_->wire_size());
    wire::BatchView view;
    const char* problem = wire::read_batch(bytes, view).what;
    ASSERT_EQ(problem, nullptr) << problem;
    std::vector<std::byte> unpacked(4 * kMiB);
    if (view.is_compressed()) {
      unpacked.resize(wire::unpack(batch_->codec(), view.records, unpacked));
      view.records = unpacked;
      view.header.attributes = 0;
    }
    ASSERT_EQ(wire::validate_records(view).what, nullptr);
    EXPECT_EQ(view.header.producer_id, identity.id);
    EXPECT_EQ(view.header.producer_epoch, identity.epoch);
    EXPECT_EQ(view.header.base_sequence, base_sequence);
    EXPECT_EQ(view.header.record_count, static_cast<std::int32_t>(values_.size()));
    expect_records(view);
  }

  void expect_records(const wire::BatchView& view) {
    wire::RecordCursor cursor = view.cursor();
    wire::RecordView record;
    std::int64_t time_max = 0;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      ASSERT_TRUE(cursor.next(record)) << i;
      ASSERT_TRUE(record.value.has_value());
      ASSERT_EQ(record.value->size(), values_[i].size());
      ASSERT_EQ(std::memcmp(record.value->data(), values_[i].data(), values_[i].size()), 0) << i;
      ASSERT_EQ(view.header.base_timestamp_ms + record.timestamp_delta, time_of(i));
      time_max = std::max(time_max, time_of(i));
    }
    EXPECT_EQ(view.header.max_timestamp_ms, time_max);
    std::size_t told = 0;
    batch_->for_each_completion(
        [&](DeliveryCallback, void* with, std::uint32_t index, std::uint32_t count) {
          ASSERT_EQ(reinterpret_cast<std::uintptr_t>(with), std::uintptr_t{index} * 8);
          told += count;
        });
    EXPECT_EQ(told, values_.size());
  }

  static std::size_t tail_size(const std::string& value) {
    return wire::tail_size(nullptr, 0, value.data(), value.size(), std::span<const Header>{});
  }
  static void write_tail(std::byte* out, const std::string& value) {
    (void)wire::write_tail(out, nullptr, 0, value.data(), value.size(), std::span<const Header>{});
  }

  std::unique_ptr<Pool> pool_;
  Partition partition_;
  Batch* batch_ = nullptr;
  std::vector<std::string> values_;
  std::vector<std::unique_ptr<std::string>> borrowed_;
};

}  // namespace spillway
