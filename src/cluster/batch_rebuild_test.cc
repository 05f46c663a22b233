#include "base/random.h"
#include "cluster/batch_test_support.h"

namespace spillway {
namespace {

class RebuildTest : public BatchTest {
 protected:
  struct Found {
    std::vector<std::string> values;
    std::vector<std::int64_t> times;
    std::vector<std::uintptr_t> contexts;
    std::size_t batches = 0;
    std::size_t largest_of_many = 0;  // bytes of the largest batch with more than one record
  };

  // Reads the chain as a broker would, and destroys it.
  Found take(Batch* chain) {
    Found found;
    while (Batch* const batch = chain) {
      chain = batch->next;
      batch->seal(kIdentity, 0);
      std::vector<iovec> pieces(4'096);
      std::vector<std::byte> bytes;
      pieces.resize(batch->gather(0, pieces));
      for (const iovec& piece : pieces) {
        const auto* data = static_cast<const std::byte*>(piece.iov_base);
        bytes.insert(bytes.end(), data, data + piece.iov_len);
      }
      wire::BatchView view;
      EXPECT_EQ(wire::read_batch(bytes, view).what, nullptr);
      EXPECT_EQ(wire::validate_records(view).what, nullptr);
      wire::RecordCursor cursor = view.cursor();
      wire::RecordView record;
      while (cursor.next(record)) {
        found.values.emplace_back(reinterpret_cast<const char*>(record.value->data()),
                                  record.value->size());
        found.times.push_back(view.header.base_timestamp_ms + record.timestamp_delta);
      }
      Completions::Cursor completions = batch->completions();
      for (std::uint32_t i = 0; i < batch->record_count(); ++i)
        found.contexts.push_back(reinterpret_cast<std::uintptr_t>(completions.next().context) / 8);
      ++found.batches;
      if (batch->record_count() > 1)
        found.largest_of_many = std::max(found.largest_of_many, bytes.size());
      Batch::destroy(batch, *pool_);
    }
    return found;
  }
};

TEST_F(RebuildTest, HalvesHoldTheSameRecords) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    ASSERT_NO_FATAL_FAILURE(fill(random, 2 + random.below(100)));
    const std::size_t bytes_max = batch_->wire_size() / 2;
    const Found found = take(batch_->rebuild({}, bytes_max, {}, *pool_));
    ASSERT_EQ(found.values, values_);
    for (std::size_t i = 0; i < values_.size(); ++i) {
      ASSERT_EQ(found.times[i], time_of(i));
      ASSERT_EQ(found.contexts[i], i);
    }
    EXPECT_GE(found.batches, 2u);
    EXPECT_LE(found.largest_of_many, bytes_max);
    Batch::destroy(batch_, *pool_);
    create();
  }
}

TEST_F(RebuildTest, LeavesOutWhatItIsTold) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    ASSERT_NO_FATAL_FAILURE(fill(random, 2 + random.below(100)));
    std::vector<std::int32_t> omit;
    std::vector<std::string> left;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      if (random.below(3) == 0) {
        omit.push_back(static_cast<std::int32_t>(i));
      } else {
        left.push_back(values_[i]);
      }
    }
    const Found found = take(batch_->rebuild({}, SIZE_MAX, omit, *pool_));
    ASSERT_EQ(found.values, left);
    EXPECT_LE(found.batches, 1u);
    Batch::destroy(batch_, *pool_);
    create();
  }
}

TEST_F(RebuildTest, WithoutMemoryItGivesNothingAndLosesNothing) {
  ASSERT_TRUE(copy(20'000) && copy(20'000));
  Page* taken = nullptr;
  while (Page* page = pool_->take_page()) {
    page->next = taken;
    taken = page;
  }
  EXPECT_EQ(batch_->rebuild({}, 100, {}, *pool_), nullptr);
  pool_->return_pages(taken);
  batch_->seal(kIdentity, 0);
  expect_sound(0);
}

TEST_F(RebuildTest, RefusesBytesThatAreNoRecords) {
  ASSERT_TRUE(copy(10) && copy(10));
  std::vector<std::byte> noise(40, std::byte{0xff});
  EXPECT_EQ(batch_->rebuild(noise, 100, {}, *pool_), nullptr);
  noise.assign(3, std::byte{0});
  EXPECT_EQ(batch_->rebuild(noise, 100, {}, *pool_), nullptr);
}

}  // namespace
}  // namespace spillway
