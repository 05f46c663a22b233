// The seeded simulation behind transaction_simulation_test.cc: whole runs of a transactional engine
// against simulated brokers in virtual time, and a caller who begins, sends, commits and aborts at
// random.
#pragma once

#include "cluster/engine_test_support.h"
#include "cluster/transaction_caller_test_support.h"
#include "cluster/transaction_judge_test_support.h"

namespace spillway {

constexpr const char* kTransactionalId = "payments-7";
constexpr const char* kGroup = "readers";

struct TransactionShape {
  Options options;
  std::int32_t nodes = 1;
  std::int32_t partitions = 1;
  std::int16_t version = 2;  // of the feature
  dev::VersionCaps caps;
  std::chrono::milliseconds end_delay{0};
  MonoDuration storm = 4s;
  std::uint64_t pace = 1;
  bool stormy = true;
  bool fences = false;  // another producer opens with our id
  bool times_out = false;
};

inline TransactionShape transaction_shape_of(Random& random) {
  const Shape base = shape_of(random);
  TransactionShape shape;
  shape.options = base.options;
  shape.options.idempotence = true;
  shape.options.transactional_id = kTransactionalId;
  shape.nodes = base.nodes;
  shape.partitions = base.partitions;
  shape.version = static_cast<std::int16_t>(random.below(2) == 0 ? 2 : random.below(2));
  const std::int16_t caps[] = {9, 11, 12, 13};
  shape.caps[ApiKey::kProduce] =
      shape.version == 2 ? caps[2 + random.below(2)] : caps[random.below(4)];
  if (shape.version == 2 && random.below(4) == 0) shape.caps[ApiKey::kEndTxn] = 4;  // v1 anyway
  shape.end_delay = std::chrono::milliseconds(random.below(3) * 15);
  shape.pace = 1 + random.below(8);
  shape.fences = random.below(5) == 0;
  shape.times_out = random.below(12) == 0;
  if (shape.times_out) shape.options.transaction_timeout = 1'000ms;
  return shape;
}

class TransactionSimulation {
 public:
  using Ask = TransactionDesk::Ask;
  using State = TransactionState;
  using End = Attempt::End;

  TransactionSimulation(std::uint64_t seed, const TransactionShape& shape)
      : shape_(shape),
        random_(seed),
        faults_(seed),
        cluster_({.nodes = shape.nodes,
                  .transaction_version = shape.version,
                  .transaction_end_delay = shape.end_delay}),
        network_(cluster_, faults_, shape_.caps, seed),
        pool_({8 * kMiB, 1 * kMiB, 256 * kKiB, 1 * kMiB}),
        lanes_(1, pool_),
        topics_(shape_.options),
        fates_(nullptr),
        engine_(shape_.options, network_.bootstrap(), pool_, network_, fates_, topics_),
        caller_(engine_.transactions()) {
    EXPECT_EQ(cluster_.create_topic(kTopic, shape.partitions), KafkaError::kNone);
    fence_at_ = network_.now() + std::chrono::milliseconds(500 + random_.below(3'500));
  }

  void run() {
    ASSERT_TRUE(topics_.intern(kTopic));
    engine_.topics_added();
    if (shape_.stormy) let_loose();
    const MonoTime storm_end = network_.now() + shape_.storm;
    while (network_.now() < storm_end) {
      if (random_.below(60) == 0) trouble();
      if (shape_.fences && network_.now() >= fence_at_) fence();
      ASSERT_TRUE(turn(network_.now() + std::chrono::microseconds(random_.below(10'000))));
    }
    calm();
    finishing_ = true;
    const MonoTime calm_end = network_.now() + kCalmMax;
    while (!done()) {
      ASSERT_LT(network_.now(), calm_end) << "stuck: " << name_of(desk().state());
      if (shape_.fences) fence();
      ASSERT_TRUE(turn(network_.now() + 20ms));
    }
    const MonoTime quiet = network_.now() + 1s;
    while (network_.now() < quiet) ASSERT_TRUE(turn(quiet));  // the last markers are written
  }

  void check() {
    lanes_.close_all();
    EXPECT_LE(pool_.used(), 64 * kPageBytes) << "only the I/O thread's cache of pages stays";
    EXPECT_EQ(engine_.counters().payload.load(), 0u);
    EXPECT_EQ(engine_.counters().requests_in_flight.load(), 0u);
    const bool fatal = desk().state() == State::Fatal;
    TransactionJudge judge(sent_, attempts_, shape_.options.compression.codec);
    for (dev::Partition& partition : cluster_.find_topic(kTopic)->partitions)
      judge.read(partition, fatal);
    judge.check();
    judge.check_offset(cluster_.committed_offsets(kGroup));
    if (fatal) check_fatal();
  }

  [[nodiscard]] std::size_t ended(End end) const {
    return static_cast<std::size_t>(std::ranges::count(attempts_, end, &Attempt::end));
  }
  [[nodiscard]] TransactionState state() { return desk().state(); }
  [[nodiscard]] dev::Faults& faults() { return faults_; }

 private:
  [[nodiscard]] TransactionDesk& desk() { return engine_.transactions(); }

  bool turn(MonoTime until) {
    const MonoTime before = network_.now();
    if (random_.below(3) != 0) flush_pending();  // else the records wait in the ring
    engine_.set_hurry(caller_.settles());
    engine_.work(before);
    act();
    network_.poll(std::min(until, engine_.deadline(before)), engine_);
    cluster_.tick({network_.now(), 1'700'000'000'000});
    standstills_ = network_.now() == before ? standstills_ + 1 : 0;
    EXPECT_LT(standstills_, kStandstillsMax) << "the engine asks to be called at once, for ever";
    return standstills_ < kStandstillsMax;
  }

  // --- the caller

  void act() {
    if (!caller_.waits()) return next_call();
    if (!finishing_ && random_.below(100) == 0) {
      given_up_ = caller_.request().ask;
      return caller_.give_up();
    }
    const Ask ask = caller_.request().ask;
    auto answer = caller_.poll(pending_.empty() && engine_.empty());
    if (ask == Ask::SendOffsets && caller_.asked()) attempts_.back().offset = offset_;
    if (ask == Ask::Commit && desk().state() == State::Ending)
      attempts_.back().may_be_committed = true;
    if (answer) on_answer(ask, *answer);
  }

  void next_call() {
    switch (desk().state()) {
      case State::Uninitialized:
        return start({.ask = Ask::Init});
      case State::Ready:
        return next_from_ready();
      case State::Open:
        return next_from_open();
      case State::Committing:
        return start({.ask = random_.below(2) == 0 ? Ask::Commit : Ask::Abort});
      case State::Ending:
        return start({.ask = Ask::Commit});
      case State::AbortNeeded:
        return start({.ask = random_.below(4) == 0 ? Ask::Commit : Ask::Abort});
      case State::Aborting:
        return start({.ask = Ask::Abort});
      case State::Fatal:
        break;
    }
  }

  void next_from_ready() {
    if (given_up_ != Ask::Nothing && random_.below(2) == 0)
      return start({.ask = std::exchange(given_up_, Ask::Nothing)});
    given_up_ = Ask::Nothing;
    if (!attempts_.empty() && attempts_.back().end == End::Open)
      attempts_.back().end = End::Unknown;
    if (finishing_ && !fenced_) return;
    ASSERT_TRUE(caller_.begin());
    attempts_.emplace_back();
  }

  void next_from_open() {
    const bool described = topics_.state(0) == TopicState::Ready;
    if (described && !finishing_ && random_.below(shape_.pace) == 0) send_some();
    if (described && finishing_ && fenced_) send_some();  // until it is told
    const std::uint64_t choice = random_.below(40);
    if (choice == 0 && !finishing_) {
      offset_ = ++offsets_made_;
      return start({.ask = Ask::SendOffsets,
                    .group = {kGroup, -1, {}, {}},
                    .offsets = {{kSourceTopic, 0, offset_, -1, {}}}});
    }
    if (choice == 1 && !finishing_) return start({.ask = Ask::Abort});
    if (choice <= 3 || finishing_) start({.ask = Ask::Commit});
  }

  void start(TransactionDesk::Request request) {
    const Ask ask = request.ask;
    if (auto answer = caller_.start(std::move(request))) on_answer(ask, *answer);
  }

  void on_answer(Ask ask, const Result<void>& answer) {
    given_up_ = Ask::Nothing;
    if (ask == Ask::Init || ask == Ask::SendOffsets) return on_lesser_answer(ask, answer);
    Attempt& attempt = attempts_.back();
    if (answer) {
      EXPECT_EQ(desk().state(), State::Ready) << "answered, and the transaction is not over";
      EXPECT_EQ(attempt.end, End::Open) << "ended twice";
      attempt.end = ask == Ask::Commit ? End::Committed : End::Aborted;
      return;
    }
    EXPECT_TRUE(answer.code() == ErrorCode::TransactionAbortable || is_fatal(answer.code()))
        << answer.error().message();
    EXPECT_FALSE(ask == Ask::Abort && answer.code() == ErrorCode::TransactionAbortable);
  }

  void on_lesser_answer(Ask ask, const Result<void>& answer) {
    if (answer) return;
    const bool fits = is_fatal(answer.code()) ||
                      (ask == Ask::SendOffsets && answer.code() == ErrorCode::TransactionAbortable);
    EXPECT_TRUE(fits) << answer.error().message();
  }

  [[nodiscard]] bool is_fatal(ErrorCode code) const {
    return code == ErrorCode::ProducerFenced || code == ErrorCode::Rejected;
  }

  [[nodiscard]] bool done() {
    if (desk().state() == State::Fatal)
      return !caller_.waits() && engine_.empty() && pending_.empty();
    return desk().state() == State::Ready && !caller_.waits() && !fenced_ && engine_.empty() &&
           (attempts_.empty() || attempts_.back().end != End::Open);
  }

  // --- records

  void send_some() {
    for (std::uint64_t i = random_.below(6); i > 0 && desk().takes_records(); --i) {
      attempts_.back().records.push_back(sent_.size());
      sent_.push_back({sent_.size(), &network_, network_.now(), {}, 0, {}});
      store(sent_.back());
    }
  }

  void store(Sent& sent) {
    static constexpr std::size_t kSizes[] = {8, 20, 100, 700, 900, 3000};
    std::vector<std::byte> value(kSizes[random_.below(6)]);
    wire::store_big_endian<std::uint64_t>(value.data(), sent.number);
    const std::span<const spillway::Header> none{};
    const std::size_t tail = wire::tail_size("key", 3, value.data(), value.size(), none);
    const bool large = tail >= kReferenceBytesMin;
    const std::size_t lead = large ? kPrefixRoom : 0;
    Lane* lane = lanes_.acquire();
    const auto room = lanes_.reserve(*lane, lead + tail, large ? ChunkUse::Large : ChunkUse::Small);
    Lanes::release(*lane);
    ASSERT_TRUE(room) << "the pool of a simulation is large enough";
    RecordHeader& header = *room->header;
    header.completion = {on_delivery, &sent};
    header.timestamp_ms = 1'000;
    header.tail_size = static_cast<std::uint32_t>(tail);
    header.generation = room->generation;
    header.topic = 0;
    header.flags = RecordHeader::kHasPartition;
    if (large) header.flags |= RecordHeader::kLarge;
    header.partition_or_hash =
        static_cast<std::int32_t>(random_.below(static_cast<std::uint64_t>(shape_.partitions)));
    (void)wire::write_tail(reinterpret_cast<std::byte*>(&header + 1) + lead, "key", 3, value.data(),
                           value.size(), none);
    pending_.push_back({&header, room->descriptor.block});
  }

  // As Core::take_in does it.
  void flush_pending() {
    while (!pending_.empty()) {
      const StoredRecord record = pending_.front();
      if (engine_.aborting()) {
        const Completion completion = record.header->completion;
        (void)pool_.release(record.block, record.header->generation, 1);
        fates_.end_record(completion, {Fate::Dropped, Reason::TransactionAborted, 0, -1, -1, 0});
      } else {
        if (!engine_.append(record, network_.now())) return;
        if (!record.large()) (void)pool_.release(record.block, record.header->generation, 1);
      }
      pending_.pop_front();
    }
  }

  // --- trouble

  void let_loose() {
    const auto add = [this](FaultKind kind, std::optional<ApiKey> api, double probability,
                            KafkaError error = KafkaError::kNone) {
      faults_.add({.kind = kind,
                   .api = api,
                   .times = FaultRule::kForever,
                   .probability = probability,
                   .error = error,
                   .delay = 20ms});
    };
    const ApiKey produce = ApiKey::kProduce;
    add(FaultKind::Error, produce, 0.05, KafkaError::kNotEnoughReplicas);
    add(FaultKind::Error, produce, 0.02, KafkaError::kNotLeaderOrFollower);
    add(FaultKind::Error, produce, 0.004, KafkaError::kMessageTooLarge);
    add(FaultKind::ErrorAfterAppend, produce, 0.03, KafkaError::kRequestTimedOut);
    add(FaultKind::CloseBefore, {}, 0.02);
    add(FaultKind::CloseAfter, {}, 0.02);
    add(FaultKind::HalfAnswer, {}, 0.02);
    add(FaultKind::NoAnswer, {}, 0.004);
    add(FaultKind::SwallowBefore, {}, 0.004);
    add(FaultKind::Delay, {}, 0.1);
    add(FaultKind::Throttle, produce, 0.01);
    for (const ApiKey api : {ApiKey::kInitProducerId, ApiKey::kAddPartitionsToTxn,
                             ApiKey::kAddOffsetsToTxn, ApiKey::kTxnOffsetCommit, ApiKey::kEndTxn}) {
      add(FaultKind::Error, api, 0.1, KafkaError::kCoordinatorLoadInProgress);
      add(FaultKind::Error, api, 0.03, KafkaError::kNotCoordinator);
      add(FaultKind::ErrorAfterAppend, api, 0.05, KafkaError::kCoordinatorNotAvailable);
      add(FaultKind::CloseAfter, api, 0.05);
      if (api != ApiKey::kInitProducerId && api != ApiKey::kEndTxn)
        add(FaultKind::Error, api, 0.01, KafkaError::kTransactionAbortable);
    }
  }

  void trouble() {
    const auto node =
        static_cast<std::int32_t>(1 + random_.below(static_cast<std::uint64_t>(shape_.nodes)));
    switch (shape_.stormy ? random_.below(5) : 4) {
      case 0:
        return network_.cut_one();
      case 1:
        return network_.stop_node(node, random_.below(2) == 0);
      case 2:
      case 3:
        return network_.start_node(node);
      default:
        break;
    }
    if (!cluster_.node(node).up) return;
    if (random_.below(3) == 0)
      return cluster_.move_coordinators({node, random_.below(2) == 0 ? node : dev::kFirstNodeId});
    const auto index = random_.below(static_cast<std::uint64_t>(shape_.partitions));
    cluster_.move_leader(*cluster_.find_topic(kTopic)->partition(static_cast<std::int32_t>(index)),
                         node);
  }

  void fence() {
    if (fenced_ || desk().state() == State::Uninitialized) return;  // else we fence the other
    fencing_ = true;
    const auto identity = cluster_.transactions().init({kTransactionalId, -1, -1}, 60s,
                                                       cluster_.new_producer_id(), network_.now());
    fenced_ = identity.error == KafkaError::kNone;
  }

  void calm() {
    if (shape_.stormy) faults_.clear();
    for (const dev::ClusterNode& node : cluster_.nodes()) {
      if (!node.up) network_.start_node(node.id);
    }
  }

  void check_fatal() {
    EXPECT_TRUE(fencing_ || shape_.times_out) << desk().trouble().message();
    EXPECT_TRUE(shape_.times_out || desk().trouble().code() == ErrorCode::ProducerFenced)
        << desk().trouble().message();
    EXPECT_FALSE(caller_.begin());
    for (const Ask ask : {Ask::Init, Ask::SendOffsets, Ask::Commit, Ask::Abort}) {
      const auto answer = caller_.start({.ask = ask});
      ASSERT_TRUE(answer) << "only refusals are left";
      EXPECT_FALSE(*answer);
    }
  }

  const TransactionShape shape_;
  Random random_;
  dev::Faults faults_;
  dev::DevCluster cluster_;
  dev::SimNetwork network_;
  Pool pool_;
  Lanes lanes_;
  Topics topics_;
  Fates fates_;
  Engine engine_;
  TransactionCaller caller_;
  std::deque<Sent> sent_;  // callbacks point into it
  std::deque<StoredRecord> pending_;
  std::vector<Attempt> attempts_;
  MonoTime fence_at_{};
  Ask given_up_ = Ask::Nothing;
  std::int64_t offset_ = -1;
  std::int64_t offsets_made_ = 0;
  bool fencing_ = false;  // the other producer has asked
  bool fenced_ = false;   // and was answered
  bool finishing_ = false;
  int standstills_ = 0;
};

}  // namespace spillway
