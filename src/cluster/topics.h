// The topics that the application uses and their partitions: interned by any thread, described by
// the I/O thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "cluster/partition.h"
#include "cluster/sticky_partitioner.h"
#include "ring/event_count.h"
#include "spillway/error.h"
#include "spillway/options.h"
#include "wire/types.h"

namespace spillway {

enum class TopicState : std::uint8_t {
  Pending,  // not described yet
  Ready,
  Unknown,  // the cluster says that it does not exist or may not be used
};

class Topics {
 public:
  explicit Topics(const Options& options);
  static std::size_t table_bytes(const Options& options) noexcept;

  // --- any thread
  // Errors: InvalidArgument, TooManyTopics.
  Result<std::uint32_t> intern(std::string_view name) EXCLUDES(mutex_);
  [[nodiscard]] std::uint32_t count() const noexcept {
    return count_.load(std::memory_order_acquire);
  }
  [[nodiscard]] TopicState state(std::uint32_t id) const noexcept {
    return topics_[id].state.load(
        std::memory_order_seq_cst);  // what a waiter on changed() must ask
  }
  // The Kafka error of a topic that is Unknown.
  [[nodiscard]] std::int16_t kafka_error(std::uint32_t id) const noexcept {
    return topics_[id].kafka_error.load(std::memory_order_relaxed);
  }
  // Notified whenever a state changes.
  [[nodiscard]] EventCount<>& changed() noexcept { return changed_; }

  // --- I/O thread
  [[nodiscard]] std::string_view name(std::uint32_t id) const noexcept { return topics_[id].name; }
  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view name) const noexcept;
  [[nodiscard]] std::optional<std::uint32_t> find(const wire::Uuid& uuid) const noexcept;
  [[nodiscard]] const wire::Uuid& uuid(std::uint32_t id) const noexcept { return topics_[id].uuid; }
  [[nodiscard]] std::int32_t partition_count(std::uint32_t id) const noexcept {
    return topics_[id].partitions;
  }
  [[nodiscard]] Partition& partition(std::uint32_t id, std::int32_t index) noexcept {
    const Extent& first = topics_[id].extents[0];
    if (index < first.end) [[likely]]
      return partitions_[first.base + static_cast<std::uint32_t>(index)];
    return partition_beyond(id, index);
  }
  [[nodiscard]] StickyPartitioner& sticky(std::uint32_t id) noexcept { return topics_[id].sticky; }
  // All partitions of all topics.
  [[nodiscard]] std::span<Partition> all_partitions() noexcept {
    return {partitions_.get(), partitions_used_};
  }
  [[nodiscard]] bool all_ready() const noexcept;

  // Whether a topic with this id has taken the name of the one that we know.
  [[nodiscard]] bool made_again(std::uint32_t id, const wire::Uuid& uuid) const noexcept {
    const wire::Uuid& known = topics_[id].uuid;
    return known != wire::Uuid{} && uuid != wire::Uuid{} && known != uuid;
  }
  // From metadata. A topic only grows, unless it was made again; false: Options::partitions_max is
  // reached, the rest is not used.
  bool describe(std::uint32_t id, const wire::Uuid& uuid, std::int32_t partitions);
  void mark_unknown(std::uint32_t id, std::int16_t kafka_error) noexcept;

 private:
  // A topic's partitions lie side by side; each time the topic grows it gets another run of the
  // table.
  static constexpr std::uint32_t kExtentsMax = 8;
  struct Extent {
    std::uint32_t base = 0;
    std::int32_t begin = 0;
    std::int32_t end = 0;
  };
  struct Entry {
    std::string name;
    std::atomic<TopicState> state{TopicState::Pending};
    std::atomic<std::int16_t> kafka_error{0};
    wire::Uuid uuid;
    std::int32_t partitions = 0;  // that the cluster has
    std::int32_t rows = 0;        // of the table; more only if the topic was made again with fewer
    std::uint32_t extent_count = 0;
    std::array<Extent, kExtentsMax> extents;
    StickyPartitioner sticky{0, true, 1};  // replaced when the topic is first described
  };
  [[nodiscard]] Partition& partition_beyond(std::uint32_t id, std::int32_t index) noexcept;
  void set_state(Entry& entry, TopicState state) noexcept;

  const std::uint32_t topics_max_;
  const std::uint32_t partitions_max_;
  const std::uint32_t sticky_bytes_;
  const bool adaptive_;
  std::unique_ptr<Entry[]> topics_;
  std::unique_ptr<Partition[]> partitions_;
  std::uint32_t partitions_used_ = 0;
  Mutex mutex_;  // of intern; readers see an entry only through count_
  std::atomic<std::uint32_t> count_{0};
  EventCount<> changed_;
};

}  // namespace spillway
