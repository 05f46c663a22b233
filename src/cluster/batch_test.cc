#include "cluster/batch.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "cluster/partition.h"
#include "cluster/record.h"
#include "spillway/record.h"
#include "wire/batch_reader.h"

namespace spillway {
namespace {

constexpr ProducerIdentity kIdentity{7, 1};

void callback(void*, const Delivery&) noexcept {}

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

TEST_F(BatchTest, CopiesAcrossPages) {
  for (const std::size_t size :
       std::initializer_list<std::size_t>{0, 1, 100, 3'900, 4'096, 20'000, 3, 8'192})
    ASSERT_TRUE(copy(size));
  batch_->seal(kIdentity, 5);
  expect_sound(5);
}

// The last record ends just before, at and just behind the end of a page.
TEST_F(BatchTest, EveryEndOfAPage) {
  for (std::size_t size = 3'500; size < 4'200; ++size) {
    ASSERT_TRUE(copy(size));
    ASSERT_TRUE(copy(0));
    batch_->seal(kIdentity, 0);
    expect_sound(0);
    ASSERT_FALSE(HasFailure()) << size;
    Batch::destroy(batch_, *pool_);
    create();
  }
}

TEST_F(BatchTest, RefersAndBorrowsInOrderWithCopies) {
  ASSERT_TRUE(refer(1'000));
  ASSERT_TRUE(copy(10));
  ASSERT_TRUE(copy(20));
  ASSERT_TRUE(borrow(5'000));
  ASSERT_TRUE(borrow(0));
  ASSERT_TRUE(copy(9'000));
  ASSERT_TRUE(refer(100'000));
  batch_->seal(kIdentity, 1);
  expect_sound(1);
}

TEST_F(BatchTest, RandomMixesAreSound) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    for (std::uint64_t i = 1 + random.below(400); i > 0; --i) {
      const std::uint64_t kind = random.below(8);
      ASSERT_TRUE(kind == 0   ? refer(768 + random.below(5'000))
                  : kind == 1 ? borrow(random.below(3'000))
                              : copy(random.below(random.below(4) == 0 ? 6'000 : 100)));
    }
    batch_->seal(kIdentity, 3);
    expect_sound(3);
    ASSERT_FALSE(HasFailure());
    Batch::destroy(batch_, *pool_);
    create();
  }
}

TEST_F(BatchTest, GathersFromEveryPosition) {
  ASSERT_TRUE(copy(50) && refer(900) && copy(4'100) && borrow(700) && copy(1));
  batch_->seal(kIdentity, 0);
  const std::vector<std::byte> whole = bytes_from(0);
  for (std::size_t position = 0; position < whole.size(); ++position) {
    for (const std::size_t piece : std::initializer_list<std::size_t>{1, 2, 64}) {
      const std::vector<std::byte> rest = bytes_from(position, piece);
      ASSERT_EQ(rest.size(), whole.size() - position) << position;
      ASSERT_TRUE(std::equal(rest.begin(), rest.end(),
                             whole.begin() + static_cast<std::ptrdiff_t>(position)));
    }
  }
}

TEST_F(BatchTest, AnotherIdentityChangesTheHeaderOnly) {
  ASSERT_TRUE(copy(5'000) && refer(1'000) && copy(10));
  batch_->seal(kIdentity, 9);
  const std::vector<std::byte> before = bytes_from(wire::kBatchHeaderSize);
  batch_->seal({8, 2}, 0);
  expect_sound(0, {8, 2});
  EXPECT_EQ(bytes_from(wire::kBatchHeaderSize), before);
  EXPECT_TRUE(batch_->sealed());
}

class BatchInASmallPool : public BatchTest {
 protected:
  BatchInASmallPool() : BatchTest(1 * kMiB) {}
};

// At each step that needs memory: none is left. The batch is as it was, and goes on once there is
// some.
TEST_F(BatchInASmallPool, WithoutMemoryNothingChangesAndNothingLeaks) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Page* taken = nullptr;
    const auto take_all = [&](std::uint64_t but) {
      while (Page* page = pool_->take_page()) {
        page->next = taken;
        taken = page;
      }
      for (; but > 0 && taken != nullptr; --but) {
        Page* page = taken;
        taken = page->next;
        page->next = nullptr;
        pool_->return_pages(page);
      }
    };
    for (int i = 0; i < 40; ++i) {
      take_all(random.below(3));
      const std::size_t wire_before = batch_->wire_size();
      bool done = random.below(2) == 0 ? copy(random.below(12'000)) : copy(random.below(60));
      if (!done) {
        ASSERT_EQ(batch_->wire_size(), wire_before);
        ASSERT_EQ(batch_->record_count(), values_.size());
      }
      pool_->return_pages(taken);
      taken = nullptr;
      if (random.below(6) == 0) done = refer(800);
      if (batch_->wire_size() > 200 * kKiB) break;
    }
    ASSERT_TRUE(!values_.empty() || copy(1));
    batch_->seal(kIdentity, 0);
    expect_sound(0);
    ASSERT_FALSE(HasFailure());
    Batch::destroy(batch_, *pool_);
    batch_ = nullptr;
    std::size_t pages = 0;
    take_all(0);
    for (const Page* page = taken; page != nullptr; page = page->next) ++pages;
    ASSERT_EQ(pages, 1 * kMiB / kPageBytes) << "memory leaked";
    pool_->return_pages(taken);
    create();
  }
}

TEST_F(BatchTest, HeldBytesAreTheMemoryItHolds) {
  const std::size_t before = pool_->used();
  for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(copy(0));  // most of it is completions
  // Pages are taken 32 at a time into a cache.
  EXPECT_NEAR(static_cast<double>(batch_->held_bytes()),
              static_cast<double>(pool_->used() - before + kPageBytes), 64.0 * kPageBytes);
}

}  // namespace
}  // namespace spillway
