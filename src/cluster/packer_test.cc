#include "cluster/packer.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/random.h"
#include "cluster/batch_test_support.h"

namespace spillway {
namespace {

Options packing(Codec codec) {
  Options options;
  options.compression = {codec};
  return options;
}

// Nobody is asleep.
struct SilentTransport final : Transport {
  ConnectionId connect(const Endpoint&) override { return {}; }
  std::size_t write(ConnectionId, std::span<const iovec>) override { return 0; }
  std::size_t read(ConnectionId, std::span<std::byte>) override { return 0; }
  void close(ConnectionId) override {}
  void poll(MonoTime, TransportEvents&) override {}
  void wake() noexcept override { wakes.fetch_add(1); }
  MonoTime now() noexcept override { return mono_now(); }
  std::atomic<int> wakes{0};
};

class PackerTest : public BatchTest, public testing::WithParamInterface<Codec> {
 protected:
  const Options options_ = packing(GetParam());
  SilentTransport transport_;
  Packer packer_{options_, transport_};
};
INSTANTIATE_TEST_SUITE_P(Packer, PackerTest,
                         testing::Values(Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd));

TEST_P(PackerTest, PacksCopiesReferencesAndBorrowedValues) {
  ASSERT_TRUE(copy(100) && refer(5'000) && copy(20) && borrow(9'000) && copy(6'000));
  const std::size_t before = batch_->records_size();
  packer_.pack(*batch_, "topic", *pool_);
  EXPECT_EQ(batch_->codec(), GetParam());
  EXPECT_FALSE(batch_->takes_records());
  EXPECT_LT(batch_->records_size(), before / 4);
  batch_->seal(kIdentity, 7);
  expect_sound(7);
}

TEST_P(PackerTest, GivesBackTheMemoryThatBecomesFree) {
  const std::size_t used_before = pool_->used();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(copy(3'000) && refer(2'000));
  const std::size_t held_before = batch_->held_bytes();
  packer_.pack(*batch_, "topic", *pool_);
  EXPECT_LT(batch_->held_bytes(), held_before / 10);
  // Pages are returned 32 at a time; spans at once.
  EXPECT_LT(pool_->used() - used_before, batch_->held_bytes() + 64 * kPageBytes);
}

TEST_P(PackerTest, RandomMixesAreSoundWhateverTheyBecome) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    ASSERT_NO_FATAL_FAILURE(fill(random, 1 + random.below(200)));
    packer_.pack(*batch_, "topic", *pool_);
    batch_->seal(kIdentity, 3);
    expect_sound(3);
    ASSERT_FALSE(HasFailure());
    Batch::destroy(batch_, *pool_);
    create();
  }
}

TEST_P(PackerTest, LeavesAloneWhatDoesNotGetSmaller) {
  ASSERT_TRUE(copy(1));
  packer_.pack(*batch_, "topic", *pool_);
  EXPECT_EQ(batch_->codec(), Codec::None);
  EXPECT_FALSE(batch_->takes_records());
  batch_->seal(kIdentity, 0);
  expect_sound(0);
}

// Borrowed records take no pages, so their packed bytes need new ones.
TEST_P(PackerTest, WithoutMemoryItLeavesTheBatchAsItIs) {
  Random random(1);
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(borrow(40'000));
    for (std::size_t at = 0; at < 30'000; ++at) {  // packs to about three quarters
      (*borrowed_.back())[at] = static_cast<char>(random.below(256));
    }
    values_.back() = *borrowed_.back();
  }
  Page* taken = nullptr;
  while (Page* page = pool_->take_page()) {
    page->next = taken;
    taken = page;
  }
  packer_.pack(*batch_, "topic", *pool_);
  EXPECT_EQ(batch_->codec(), Codec::None);
  pool_->return_pages(taken);
}

TEST(Packer, ChoosesByTopic) {
  Options options = packing(Codec::Lz4);
  options.compression_of = {{"raw", {Codec::None}}, {"small", {Codec::Zstd, 19}}};
  SilentTransport transport;
  Packer packer(options, transport);
  Pool pool(Pool::Config{kMiB, kMiB / 2, 0, 256 * kKiB});
  const std::string value(2'000, 'v');
  std::vector<std::byte> tail(3'000);
  const std::byte* end = wire::write_tail(tail.data(), nullptr, 0, value.data(), value.size(),
                                          std::span<const Header>{});
  tail.resize(static_cast<std::size_t>(end - tail.data()));
  const auto codec_of = [&](const char* topic) {
    Partition partition;
    Batch* batch = Batch::create(pool, partition, MonoTime{});
    EXPECT_TRUE(batch->append_copy(tail, 0, {}, pool));
    packer.pack(*batch, topic, pool);
    const Codec codec = batch->codec();
    Batch::destroy(batch, pool);
    return codec;
  };
  EXPECT_EQ(codec_of("raw"), Codec::None);
  EXPECT_EQ(codec_of("small"), Codec::Zstd);
  EXPECT_EQ(codec_of("any"), Codec::Lz4);
}

TEST(Packer, CostsNothingWhenNothingIsPacked) {
  Options options;
  EXPECT_EQ(Packer::memory_bytes(options), 0u);
  options.compression_of = {{"a", {Codec::Zstd}}, {"b", {Codec::Zstd}}};
  const std::size_t one = Packer::memory_bytes(options);
  options.compression = {Codec::Zstd};
  EXPECT_EQ(Packer::memory_bytes(options), one) << "the same codec needs its state once";
}

class PackerThreadTest : public BatchTest {
 protected:
  PackerThreadTest() {
    options_.compression = {Codec::Zstd};
    options_.compression_thread = true;
    packer_ = std::make_unique<Packer>(options_, transport_);
    EXPECT_TRUE(packer_->start());
  }
  // Waits for `count` batches; the order in which they come.
  std::vector<Batch*> finished(std::size_t count) {
    std::vector<Batch*> all;
    while (all.size() < count) {
      packer_->finish(
          *pool_, [](Batch&) {}, [&](Batch& batch) { all.push_back(&batch); });
      std::this_thread::yield();
    }
    return all;
  }

  Options options_;
  SilentTransport transport_;
  std::unique_ptr<Packer> packer_;
};

TEST_F(PackerThreadTest, PacksMoreThanItHasPlacesFor) {
  std::vector<Batch*> given;
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(copy(2'000 + static_cast<std::size_t>(i)) && refer(3'000));
    packer_->pack(*batch_, "topic", *pool_);
    EXPECT_TRUE(batch_->packing);
    given.push_back(batch_);
    create();
  }
  // Two that are done at the same time may come in either order.
  const std::vector<Batch*> came = finished(20);
  EXPECT_TRUE(std::is_permutation(came.begin(), came.end(), given.begin(), given.end()));
  EXPECT_GE(transport_.wakes.load(), 1);
  for (Batch* each : given) {
    EXPECT_FALSE(each->packing);
    EXPECT_EQ(each->codec(), Codec::Zstd);
    Batch::destroy(each, *pool_);
  }
}

TEST_F(PackerThreadTest, WhatComesOutIsSound) {
  ASSERT_TRUE(copy(100) && refer(5'000) && copy(20) && borrow(9'000));
  packer_->pack(*batch_, "topic", *pool_);
  (void)finished(1);
  batch_->seal(kIdentity, 7);
  expect_sound(7);
}

// Waiting, with the thread, or done: it may be anywhere when it has to go.
TEST_F(PackerThreadTest, BatchesMayGoAtAnyMoment) {
  Random random(1);
  for (int round = 0; round < 300; ++round) {
    std::vector<Batch*> given;
    for (std::uint64_t i = random.below(5); i > 0; --i) {
      ASSERT_TRUE(copy(500));
      packer_->pack(*batch_, "topic", *pool_);
      given.push_back(batch_);
      create();
    }
    if (random.below(2) == 0) {
      packer_->finish(
          *pool_, [](Batch&) {}, [](Batch&) {});
    }
    std::reverse(given.begin(),
                 given.begin() + static_cast<std::ptrdiff_t>(random.below(given.size() + 1)));
    for (Batch* each : given) {
      packer_->give_up(*each);
      Batch::destroy(each, *pool_);
    }
  }
}

}  // namespace
}  // namespace spillway
