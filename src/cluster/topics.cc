#include "cluster/topics.h"

#include <algorithm>

#include "base/check.h"

namespace spillway {
namespace {

// As the brokers check it.
bool legal_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > 249 || name == "." || name == "..") return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

}  // namespace

Topics::Topics(const Options& options)
    : topics_max_(options.topics_max),
      partitions_max_(options.partitions_max),
      // Java's batch.size is 16 KiB; ours is large, and one partition for a whole megabyte would be
      // lumpy.
      sticky_bytes_(
          static_cast<std::uint32_t>(std::min<std::size_t>(options.batch_bytes_max, 64 * kKiB))),
      adaptive_(options.adaptive_partitioning),
      topics_(std::make_unique<Entry[]>(options.topics_max)),
      partitions_(std::make_unique<Partition[]>(options.partitions_max)) {}

std::size_t Topics::table_bytes(const Options& options) noexcept {
  return options.topics_max * (sizeof(Entry) + 256) + options.partitions_max * sizeof(Partition);
}

Result<std::uint32_t> Topics::intern(std::string_view name) {
  if (!legal_name(name)) {
    return Error(ErrorCode::InvalidArgument,
                 "'" + std::string(name.substr(0, 64)) +
                     "' is not a topic name: use up to 249 letters, digits, '.', '_' and '-'");
  }
  MutexLock lock(mutex_);
  const std::uint32_t used = count_.load(std::memory_order_relaxed);
  for (std::uint32_t id = 0; id < used; ++id) {
    if (topics_[id].name == name) return id;
  }
  if (used == topics_max_) {
    return Error(ErrorCode::TooManyTopics, "Options::topics_max is " + std::to_string(topics_max_) +
                                               ": raise it to use more topics");
  }
  topics_[used].name = name;
  count_.store(used + 1, std::memory_order_release);
  return used;
}

std::optional<std::uint32_t> Topics::find(std::string_view name) const noexcept {
  for (std::uint32_t id = 0; id < count(); ++id) {
    if (topics_[id].name == name) return id;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> Topics::find(const wire::Uuid& uuid) const noexcept {
  for (std::uint32_t id = 0; id < count(); ++id) {
    if (topics_[id].uuid == uuid) return id;
  }
  return std::nullopt;
}

Partition& Topics::partition_beyond(std::uint32_t id, std::int32_t index) noexcept {
  const Entry& entry = topics_[id];
  for (std::uint32_t i = 0; i < entry.extent_count; ++i) {
    const Extent& extent = entry.extents[i];
    if (index < extent.end)
      return partitions_[extent.base + static_cast<std::uint32_t>(index - extent.begin)];
  }
  check_failed(__FILE__, __LINE__, "index < partition_count(id)",
               "a partition is asked for by its index in the topic");
}

bool Topics::all_ready() const noexcept {
  for (std::uint32_t id = 0; id < count(); ++id) {
    if (state(id) != TopicState::Ready) return false;
  }
  return true;
}

bool Topics::describe(std::uint32_t id, const wire::Uuid& uuid, std::int32_t partitions) {
  Entry& entry = topics_[id];
  const bool again = made_again(id, uuid);
  entry.uuid = uuid;
  const auto missing = static_cast<std::uint32_t>(std::max(0, partitions - entry.rows));
  const std::uint32_t granted = std::min(missing, partitions_max_ - partitions_used_);
  if (granted > 0 && entry.extent_count < kExtentsMax) {
    Extent& extent = entry.extents[entry.extent_count++];
    extent = {partitions_used_, entry.rows, entry.rows + static_cast<std::int32_t>(granted)};
    for (std::uint32_t i = 0; i < granted; ++i) {
      Partition& partition = partitions_[partitions_used_ + i];
      partition.topic = id;
      partition.index = entry.rows + static_cast<std::int32_t>(i);
    }
    partitions_used_ += granted;
    entry.rows = extent.end;
  }
  const std::int32_t usable = std::min(partitions, entry.rows);
  entry.partitions = again ? usable : std::max(entry.partitions, usable);
  if (again || entry.sticky.current() < 0) {
    entry.sticky = {std::uint64_t{id} * 0x9E3779B97F4A7C15U + 1, adaptive_, sticky_bytes_};
  }
  if (entry.partitions > 0) set_state(entry, TopicState::Ready);
  return entry.partitions >= partitions;
}

void Topics::mark_unknown(std::uint32_t id, std::int16_t kafka_error) noexcept {
  topics_[id].kafka_error.store(kafka_error, std::memory_order_relaxed);
  set_state(topics_[id], TopicState::Unknown);
}

void Topics::set_state(Entry& entry, TopicState state) noexcept {
  if (entry.state.exchange(state, std::memory_order_seq_cst) != state) changed_.notify_all();
}

}  // namespace spillway
