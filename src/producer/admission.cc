// What a send does on the caller's thread: check, reserve, fill, publish; wait or refuse when there
// is no room.

#include <sched.h>

#include <cstring>

#include "base/check.h"
#include "cluster/crc32_partition.h"
#include "cluster/murmur2.h"
#include "producer/core.h"

namespace spillway {
namespace {

constexpr int kBusyYieldsMax = 64;     // before Busy is told: the thread in the way is preempted
constexpr int kDropAttemptsMax = 256;  // records dropped, or yields, in search of memory for one
// Far behind every real position: wakes a drowsy I/O thread wherever it wanted to be woken, but not
// a stalled one.
constexpr std::uint64_t kWakeNow = std::uint64_t{1} << 58;

std::int64_t timestamp_of(const Record& record) noexcept {
  const std::int64_t given = record.timestamp.time_since_epoch().count();
  return given != 0 ? given : wall_ms_coarse();
}

std::byte* body_of(const Room& room) noexcept {
  return reinterpret_cast<std::byte*>(room.header + 1);
}

ChunkUse use_of(std::size_t tail_size) noexcept {
  return tail_size >= kReferenceBytesMin ? ChunkUse::Large : ChunkUse::Small;
}

}  // namespace

ErrorCode Core::refuse(ErrorCode code) noexcept {
  if (code == ErrorCode::Ok) [[likely]]
    return code;
  const auto index = static_cast<std::size_t>(code);
  if (index < refusals_.size()) refusals_[index].fetch_add(1, std::memory_order_relaxed);
  return code;
}

ErrorCode Core::check_topic(Topic topic, const Record& record, Patience& patience) noexcept {
  if (topic.id() >= topics_.count()) return ErrorCode::UnknownTopic;
  if (record.partition < kPartitionAny) return ErrorCode::InvalidArgument;
  for (;;) {
    const TopicState state = topics_.state(topic.id());
    if (state == TopicState::Ready) [[likely]]
      return ErrorCode::Ok;
    if (state == TopicState::Unknown) return ErrorCode::UnknownTopic;
    if (closed_.load(std::memory_order_relaxed)) return ErrorCode::Closed;
    if (options_.when_full != WhenFull::Block) return ErrorCode::TopicPending;
    if (fates_.inside_callback()) return ErrorCode::WouldDeadlock;
    if (!patience.next(topics_.changed())) return ErrorCode::TopicPending;
  }
}

Result<void> Core::send(Topic topic, const Record& record, Completion completion,
                        std::chrono::milliseconds block_deadline) {
  Patience patience(block_deadline);
  if (const ErrorCode code = check_topic(topic, record, patience); code != ErrorCode::Ok)
    return refuse(code);
  const std::size_t tail_size =
      wire::tail_size(record.key.data(), record.key.size(), record.value.data(),
                      record.value.size(), record.headers);
  if (tail_size > options_.record_bytes_max) return refuse(ErrorCode::TooLarge);
  const bool large = tail_size >= kReferenceBytesMin;
  const std::size_t lead = large ? kPrefixRoom : 0;
  LaneHold lane;
  Room room;
  if (const ErrorCode code =
          reserve_room(lead + tail_size, use_of(tail_size), patience, lane, room);
      code != ErrorCode::Ok) {
    return refuse(code);
  }
  fill_header(room, topic, record, tail_size, large ? RecordHeader::kLarge : 0, completion);
  (void)wire::write_tail(body_of(room) + lead, record.key.data(), record.key.size(),
                         record.value.data(), record.value.size(), record.headers);
  return refuse(publish(lane, room, patience));
}

Result<void> Core::send_borrowed(Topic topic, const Record& record, Bytes value,
                                 Completion completion) {
  Patience patience(options_.block_deadline);
  if (const ErrorCode code = check_topic(topic, record, patience); code != ErrorCode::Ok)
    return refuse(code);
  const std::size_t tail_size = wire::tail_size(record.key.data(), record.key.size(), value.data(),
                                                value.size(), record.headers);
  if (tail_size > options_.record_bytes_max) return refuse(ErrorCode::TooLarge);
  const auto value_size = static_cast<std::int32_t>(value.size());
  const std::size_t first_part =
      wire::key_part_size(record.key.data(), record.key.size()) + wire::varint_size(value_size);
  const std::size_t body = sizeof(BorrowedValue) + kPrefixRoom + tail_size - value.size();
  LaneHold lane;
  Room room;
  if (const ErrorCode code = reserve_room(body, ChunkUse::Large, patience, lane, room);
      code != ErrorCode::Ok)
    return refuse(code);
  fill_header(room, topic, record, tail_size, RecordHeader::kBorrowed, completion);
  auto* borrowed = reinterpret_cast<BorrowedValue*>(body_of(room));
  *borrowed = {static_cast<const std::byte*>(value.data()),
               static_cast<std::uint32_t>(value.size()), static_cast<std::uint32_t>(first_part)};
  std::byte* out = reinterpret_cast<std::byte*>(borrowed + 1) + kPrefixRoom;
  out = wire::write_key_part(out, record.key.data(), record.key.size());
  out = wire::write_varint(out, value_size);
  (void)wire::write_headers_part(out, record.headers);
  return refuse(publish(lane, room, patience));
}

//   | header | room for the prefix | key | 5 bytes for the value's length | value_size_max |
//   headers |
Result<Reservation> Core::reserve(Topic topic, const Record& record, std::size_t value_size_max) {
  Patience patience(options_.block_deadline);
  if (const ErrorCode code = check_topic(topic, record, patience); code != ErrorCode::Ok)
    return refuse(code);
  const std::size_t key_part = wire::key_part_size(record.key.data(), record.key.size());
  const std::size_t tail_size_max =
      key_part + wire::kVarintSizeMax + value_size_max + wire::headers_part_size(record.headers);
  if (value_size_max > options_.record_bytes_max ||
      tail_size_max > options_.record_bytes_max + wire::kVarintSizeMax) {
    return refuse(ErrorCode::TooLarge);
  }
  LaneHold lane;
  Room room;
  if (const ErrorCode code =
          reserve_room(kPrefixRoom + tail_size_max, use_of(tail_size_max), patience, lane, room);
      code != ErrorCode::Ok) {
    return refuse(code);
  }
  lane.release();
  fill_header(room, topic, record, tail_size_max, RecordHeader::kReserved, {});
  room.header->state.store(RecordState::Allocated, std::memory_order_relaxed);
  std::byte* key = body_of(room) + kPrefixRoom;
  (void)wire::write_key_part(key, record.key.data(), record.key.size());
  std::byte* value = key + key_part + wire::kVarintSizeMax;
  (void)wire::write_headers_part(value + value_size_max, record.headers);
  Reservation reservation;
  reservation.core_ = this;
  reservation.handle_ = room.descriptor.pack();
  reservation.value_ = {value, value_size_max};
  return reservation;
}

Result<void> Core::commit(std::uint64_t handle, std::span<std::byte> value, std::size_t size,
                          Completion completion) {
  const Descriptor descriptor = Descriptor::unpack(handle);
  RecordHeader& header = const_cast<RecordHeader&>(*stored(descriptor).header);
  RecordState expected = RecordState::Allocated;
  SPILL_CHECK(header.state.compare_exchange_strong(expected, RecordState::Filled,
                                                   std::memory_order_relaxed),
              "a reservation is committed or aborted once");
  if (size > value.size()) {
    lanes_.give_back({&header, descriptor, header.generation});
    return Error(ErrorCode::InvalidArgument, "more is committed than was reserved");
  }
  std::byte* const key = reinterpret_cast<std::byte*>(&header + 1) + kPrefixRoom;
  const auto key_part = static_cast<std::size_t>(value.data() - key) - wire::kVarintSizeMax;
  const std::size_t headers_part =
      header.tail_size - key_part - wire::kVarintSizeMax - value.size();
  const std::size_t length_size = wire::varint_size(static_cast<std::int32_t>(size));
  const std::size_t shift = wire::kVarintSizeMax - length_size;
  std::memmove(key + shift, key, key_part);
  (void)wire::write_varint(key + shift + key_part, static_cast<std::int32_t>(size));
  std::memmove(value.data() + size, value.data() + value.size(), headers_part);
  header.tail_size = static_cast<std::uint32_t>(key_part + length_size + size + headers_part);
  header.flags = static_cast<std::uint8_t>(header.flags | shift << RecordHeader::kShiftAt);
  if (header.tail_size >= kReferenceBytesMin) header.flags |= RecordHeader::kLarge;
  header.completion = completion;
  const Room room{&header, descriptor, header.generation};
  Patience patience(options_.block_deadline);
  LaneHold lane;
  if (!acquire(lane, patience)) {
    lanes_.give_back(room);
    return refuse(ErrorCode::Busy);
  }
  if (const ErrorCode shut = gate(); shut != ErrorCode::Ok) {
    lanes_.give_back(room);
    return refuse(shut);
  }
  return refuse(publish(lane, room, patience));
}

void Core::abort(std::uint64_t handle) noexcept {
  const Descriptor descriptor = Descriptor::unpack(handle);
  RecordHeader& header = const_cast<RecordHeader&>(*stored(descriptor).header);
  RecordState expected = RecordState::Allocated;
  SPILL_CHECK(header.state.compare_exchange_strong(expected, RecordState::Recycled,
                                                   std::memory_order_relaxed),
              "a reservation is committed or aborted once");
  lanes_.give_back({&header, descriptor, header.generation});
  room_.notify_all();
}

inline void Core::fill_header(const Room& room, Topic topic, const Record& record,
                              std::size_t tail_size, std::uint8_t flags,
                              const Completion& completion) const noexcept {
  RecordHeader& header = *room.header;
  header.completion = completion;
  header.timestamp_ms = timestamp_of(record);
  header.tail_size = static_cast<std::uint32_t>(tail_size);
  header.generation = room.generation;
  header.topic = static_cast<std::uint16_t>(topic.id());
  header.partition_or_hash = 0;
  if (record.partition != kPartitionAny) {
    flags |= RecordHeader::kHasPartition;
    header.partition_or_hash = record.partition;
  } else if (!record.key.is_null()) {
    flags |= RecordHeader::kHasKey;
    const std::span key{static_cast<const std::byte*>(record.key.data()), record.key.size()};
    header.partition_or_hash = options_.key_partitioner == KeyPartitioner::Murmur2
                                   ? kafka_hash_of_key(key)
                                   : static_cast<std::int32_t>(crc32_of_key(key));
  }
  header.flags = flags;
  header.state.store(RecordState::Filled, std::memory_order_relaxed);
}

StoredRecord Core::stored(const Descriptor& descriptor) const noexcept {
  const auto* header =
      reinterpret_cast<const RecordHeader*>(pool_.address(descriptor.block) + descriptor.offset);
  SPILL_CHECK((header->generation & Descriptor::kGenerationMask) == descriptor.generation,
              "a descriptor outlived its record");
  return {header, descriptor.block};
}

ErrorCode Core::reserve_room(std::size_t body_bytes, ChunkUse use, Patience& patience,
                             LaneHold& lane, Room& room) noexcept {
  for (int dropped = 0;;) {  // bounded by the deadline, or by kDropAttemptsMax
    if (!acquire(lane, patience)) return ErrorCode::Busy;
    const ErrorCode shut = gate();
    const auto found =
        shut != ErrorCode::Ok ? std::nullopt : lanes_.reserve(*lane, body_bytes, use);
    if (found) {
      room = *found;
      return ErrorCode::Ok;
    }
    lane.release();
    if (shut != ErrorCode::Ok) return shut;
    if (const ErrorCode code = make_room(patience, dropped); code != ErrorCode::Ok) return code;
  }
}

ErrorCode Core::gate() const noexcept {
  if (closed_.load(std::memory_order_relaxed)) [[unlikely]]
    return ErrorCode::Closed;
  if (transactional_ && !engine_.transactions().takes_records()) [[unlikely]]
    return ErrorCode::NoTransaction;
  return ErrorCode::Ok;
}

// Block waits for a preempted holder as it waits for room.
bool Core::acquire(LaneHold& lane, Patience& patience) noexcept {
  while (!lane.acquire(lanes_)) {
    if (!may_wait() || !patience.pause()) return false;
  }
  return true;
}

bool Core::may_wait() const noexcept {
  return options_.when_full == WhenFull::Block && !fates_.inside_callback();
}

// There was no memory for a record: do what the policy says. Ok: try again.
ErrorCode Core::make_room(Patience& patience, int& dropped) noexcept {
  wake_now();
  switch (options_.when_full) {
    case WhenFull::FailFast:
      return ErrorCode::Full;
    case WhenFull::DropOldest:
      if (fates_.inside_callback()) return ErrorCode::Full;  // else callbacks could nest for ever
      if (++dropped > kDropAttemptsMax) return ErrorCode::Busy;
      if (!drop_one_for_memory()) ::sched_yield();
      return ErrorCode::Ok;
    case WhenFull::Block:
      break;
  }
  if (fates_.inside_callback()) return ErrorCode::WouldDeadlock;
  return patience.next(room_) ? ErrorCode::Ok : ErrorCode::Full;
}

ErrorCode Core::publish(LaneHold& lane, const Room& room, Patience& patience) noexcept {
  room.header->state.store(RecordState::Committed, std::memory_order_relaxed);
  std::uint64_t position = 0;
  if (ring_.try_push(room.descriptor.pack(), &position) != PushResult::Pushed) [[unlikely]] {
    return publish_when_full(lane, room, patience);
  }
  lane.release();
  wake_for(position);
  return ErrorCode::Ok;
}

ErrorCode Core::publish_when_full(LaneHold& lane, const Room& room, Patience& patience) noexcept {
  ErrorCode code = ErrorCode::Ok;
  for (int busy = 0;;) {  // bounded by the deadline, or by kBusyYieldsMax
    std::uint64_t position = 0;
    std::optional<std::uint64_t> dropped;
    code = try_publish(room.descriptor.pack(), position, dropped);
    lane.release();
    if (dropped)
      end_taken(*dropped, Fate::Dropped, Reason::DropOldest);  // user code: never under a lane
    if (code == ErrorCode::Ok) {
      wake_for(position);
      return code;
    }
    if (code == ErrorCode::Busy) {
      if (++busy <= kBusyYieldsMax) {
        ::sched_yield();
      } else if (!may_wait() || !patience.pause()) {
        break;
      }
    } else {
      wake_now();
      if (options_.when_full != WhenFull::Block) break;
      if (fates_.inside_callback()) code = ErrorCode::WouldDeadlock;
      if (code == ErrorCode::WouldDeadlock || !patience.next(room_)) break;
    }
    code = acquire(lane, patience) ? gate() : ErrorCode::Busy;
    if (code != ErrorCode::Ok) break;
  }
  lane.release();
  lanes_.give_back(room);
  return code;
}

ErrorCode Core::try_publish(std::uint64_t descriptor, std::uint64_t& position,
                            std::optional<std::uint64_t>& dropped) noexcept {
  PushResult result = PushResult::Busy;
  if (options_.when_full == WhenFull::DropOldest && !fates_.inside_callback()) {
    const Dropped pushed = ring_.push_drop_oldest(descriptor);
    result = pushed.result;
    position = pushed.position;
    if (pushed.dropped) dropped = pushed.old_value;
  } else {
    result = ring_.try_push(descriptor, &position);
  }
  if (result == PushResult::Pushed) return ErrorCode::Ok;
  return result == PushResult::Full ? ErrorCode::Full : ErrorCode::Busy;
}

bool Core::drop_one_for_memory() noexcept {
  std::uint64_t descriptor = 0;
  if (!ring_.try_take_oldest(descriptor)) return false;
  end_taken(descriptor, Fate::Dropped, Reason::DropOldest);
  return true;
}

void Core::end_taken(std::uint64_t word, Fate fate, Reason reason) noexcept {
  const Descriptor descriptor = Descriptor::unpack(word);
  const RecordHeader& header = *stored(descriptor).header;
  const Completion completion = header.completion;
  const std::uint32_t generation = header.generation;
  const std::uint32_t topic = header.topic;
  (void)pool_.release(descriptor.block, generation, 1);
  fates_.end_record(completion, {fate, reason, 0, -1, -1, topic});
}

void Core::wake_for(std::uint64_t position) noexcept {
  if (!sleep_.should_wake(position)) return;
  wakes_.fetch_add(1, std::memory_order_relaxed);
  transport_->wake();
}

void Core::wake_now() noexcept {
  wake_for(ring_.tail_position() + kWakeNow);
}

}  // namespace spillway
