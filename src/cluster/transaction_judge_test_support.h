// What must be true of the logs after a run of transactions.
#pragma once

#include <deque>
#include <map>
#include <vector>

#include "cluster/engine_test_support.h"

namespace spillway {

constexpr const char* kSourceTopic = "source";

// One transaction, as its caller saw it.
struct Attempt {
  enum class End : std::uint8_t { Open, Committed, Aborted, Unknown };
  End end = End::Open;
  bool may_be_committed = false;  // the engine may have asked for it
  std::vector<std::uint64_t> records;
  std::int64_t offset = -1;  // for the group
};

// Reads the logs as a consumer of committed records does and compares.
class TransactionJudge {
 public:
  TransactionJudge(const std::deque<Sent>& sent, const std::vector<Attempt>& attempts, Codec codec)
      : sent_(sent),
        attempts_(attempts),
        codec_(codec),
        copies_(sent.size(), 0),
        visible_(sent.size(), 0) {}

  // Who reads committed sees a record once its marker has come.
  void read(dev::Partition& partition, bool may_hang) {
    SCOPED_TRACE("partition " + std::to_string(partition.index));
    std::map<std::int64_t, std::vector<std::uint64_t>> undecided;
    std::int64_t last = -1;
    for (const auto& stored : partition.log.batches()) {
      wire::BatchView batch;
      ASSERT_FALSE(wire::read_batch(stored.bytes, batch).what);
      auto& waiting = undecided[batch.header.producer_id];
      if ((batch.header.attributes & wire::kControl) != 0) {
        wire::RecordCursor cursor = batch.cursor();
        wire::RecordView marker;
        ASSERT_TRUE(cursor.next(marker));
        const bool commit = marker.key->back() == std::byte{1};
        for (const std::uint64_t number : waiting) visible_[number] += commit ? 1u : 0u;
        waiting.clear();
        continue;
      }
      ASSERT_NE(batch.header.attributes & wire::kTransactional, 0);
      read_numbers(batch, last, waiting);
    }
    EXPECT_TRUE(may_hang || partition.open.empty()) << "nobody reads on behind it";
  }

  // After every partition was read.
  void check() {
    for (const Sent& sent : sent_) check_record(sent);
    for (std::size_t i = 0; i < attempts_.size(); ++i) check_attempt(i);
  }

  // The newest committed offset stands, or one of a transaction that may be committed.
  void check_offset(const dev::GroupOffsets& offsets) {
    const auto found = offsets.find({kSourceTopic, 0});
    const std::int64_t stands = found == offsets.end() ? -1 : found->second;
    std::vector<std::int64_t> possible{-1};
    for (const Attempt& attempt : attempts_) {
      if (attempt.offset < 0) continue;
      if (attempt.end == Attempt::End::Committed) possible.clear();
      if (attempt.end != Attempt::End::Aborted && attempt.may_be_committed)
        possible.push_back(attempt.offset);
    }
    EXPECT_NE(std::ranges::find(possible, stands), possible.end())
        << "the group's offset is " << stands << ", not " << possible.back();
  }

 private:
  void read_numbers(wire::BatchView& batch, std::int64_t& last,
                    std::vector<std::uint64_t>& numbers) {
    std::vector<std::byte> plain(256 * kKiB);
    if (batch.is_compressed()) {
      plain.resize(wire::unpack(codec_, batch.records, plain));
      batch.records = plain;
    }
    wire::RecordCursor cursor = batch.cursor();
    wire::RecordView record;
    std::int64_t offset = batch.header.base_offset;
    while (cursor.next(record)) {
      const auto number = wire::load_big_endian<std::uint64_t>(record.value->data());
      ++copies_[number];
      offsets_[number] = offset++;
      numbers.push_back(number);
      EXPECT_GT(static_cast<std::int64_t>(number), last) << "out of order";
      last = static_cast<std::int64_t>(number);
    }
  }

  void check_record(const Sent& sent) {
    SCOPED_TRACE("record " + std::to_string(sent.number));
    ASSERT_EQ(sent.callbacks, 1);
    EXPECT_LE(copies_[sent.number], 1u) << "doubled";
    const Delivery& delivery = sent.delivery;
    if (delivery.fate == Fate::Delivered) {
      EXPECT_EQ(copies_[sent.number], 1u) << "lost";
      EXPECT_TRUE(delivery.offset < 0 || offsets_[sent.number] == delivery.offset);
    }
    if (delivery.fate == Fate::Failed || delivery.fate == Fate::Dropped) {
      EXPECT_EQ(copies_[sent.number], 0u) << "it is in the log, and its fate denies it";
    }
  }

  void check_attempt(std::size_t index) {
    const Attempt& attempt = attempts_[index];
    SCOPED_TRACE("transaction " + std::to_string(index) + " of " +
                 std::to_string(attempts_.size()));
    std::size_t seen = 0;
    for (const std::uint64_t number : attempt.records) seen += visible_[number];
    if (attempt.end == Attempt::End::Committed) {
      EXPECT_EQ(seen, attempt.records.size()) << "not committed";
    }
    if (attempt.end == Attempt::End::Aborted || !attempt.may_be_committed) {
      EXPECT_EQ(seen, 0u) << "readers see it";
    }
    EXPECT_TRUE(seen == 0 || seen == attempt.records.size()) << "torn";
  }

  const std::deque<Sent>& sent_;
  const std::vector<Attempt>& attempts_;
  const Codec codec_;
  std::vector<unsigned> copies_;
  std::vector<unsigned> visible_;
  std::map<std::uint64_t, std::int64_t> offsets_;
};

}  // namespace spillway
