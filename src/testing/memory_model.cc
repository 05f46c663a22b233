#include "testing/memory_model.h"

#include <algorithm>

#include "base/check.h"

namespace spillway::testing {
namespace {

bool acquires(std::memory_order order) {
  return order == std::memory_order_acquire || order == std::memory_order_acq_rel ||
         order == std::memory_order_seq_cst;
}

bool releases(std::memory_order order) {
  return order == std::memory_order_release || order == std::memory_order_acq_rel ||
         order == std::memory_order_seq_cst;
}

}  // namespace

void View::join(const View& other) noexcept {
  for (std::size_t i = 0; i < seen.size(); ++i) seen[i] = std::max(seen[i], other.seen[i]);
  for (std::size_t i = 0; i < clock.size(); ++i) clock[i] = std::max(clock[i], other.clock[i]);
}

void MemoryModel::reset() noexcept {
  for (std::size_t i = 0; i < locations_used_; ++i) {
    locations_[i].history.clear();
    locations_[i].seq_cst_floor = 0;
  }
  locations_used_ = 0;
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    threads_[i] = View{};
    threads_[i].clock[i] = 1;  // 0 means "never"
  }
}

LocationId MemoryModel::add_location(std::uint64_t value) {
  SPILL_CHECK(locations_used_ < kLocationsMax,
              "the scenario has too many atomics: raise kLocationsMax");
  locations_[locations_used_].history.push_back({value, View{}});
  return static_cast<LocationId>(locations_used_++);
}

std::size_t MemoryModel::readable(ThreadId thread, LocationId location,
                                  std::memory_order order) const noexcept {
  const Location& at = locations_[location];
  EntryIndex oldest = threads_[thread].seen[location];
  if (order == std::memory_order_seq_cst) oldest = std::max(oldest, at.seq_cst_floor);
  return at.history.size() - oldest;
}

std::uint64_t MemoryModel::load(ThreadId thread, LocationId location, std::memory_order order,
                                std::size_t age) {
  const auto index = static_cast<EntryIndex>(locations_[location].history.size() - 1 - age);
  read_entry(thread, location, order, index);
  return locations_[location].history[index].value;
}

void MemoryModel::read_entry(ThreadId thread, LocationId location, std::memory_order order,
                             EntryIndex index) {
  Location& at = locations_[location];
  View& view = threads_[thread];
  view.seen[location] = std::max(view.seen[location], index);
  if (acquires(order)) view.join(at.history[index].view);
  if (order == std::memory_order_seq_cst) at.seq_cst_floor = std::max(at.seq_cst_floor, index);
}

void MemoryModel::store(ThreadId thread, LocationId location, std::memory_order order,
                        std::uint64_t value) {
  append(thread, location, order, value, nullptr);
}

std::uint64_t MemoryModel::newest(LocationId location) const noexcept {
  return locations_[location].history.back().value;
}

void MemoryModel::read_modify_write(ThreadId thread, LocationId location, std::memory_order order,
                                    std::uint64_t value) {
  const std::size_t index = locations_[location].history.size() - 1;
  read_entry(thread, location, order, static_cast<EntryIndex>(index));
  const View inherited = locations_[location].history[index].view;
  append(thread, location, order, value, &inherited);
}

void MemoryModel::append(ThreadId thread, LocationId location, std::memory_order order,
                         std::uint64_t value, const View* inherited) {
  Location& at = locations_[location];
  View& view = threads_[thread];
  const auto index = static_cast<EntryIndex>(at.history.size());
  view.seen[location] = index;
  Entry& entry = at.history.emplace_back();
  entry.value = value;
  if (inherited != nullptr) entry.view = *inherited;
  if (releases(order)) {
    entry.view.join(view);
    ++view.clock[thread];  // what follows is not covered by this release
  }
  if (order == std::memory_order_seq_cst) at.seq_cst_floor = index;
}

bool MemoryModel::read_plain(ThreadId thread, RaceCell& cell) noexcept {
  const View& view = threads_[thread];
  cell.read[thread] = view.clock[thread];
  return cell.written <= view.clock[cell.writer];
}

bool MemoryModel::write_plain(ThreadId thread, RaceCell& cell) noexcept {
  const View& view = threads_[thread];
  bool ordered = cell.written <= view.clock[cell.writer];
  for (std::size_t i = 0; i < kThreadsMax; ++i) ordered = ordered && cell.read[i] <= view.clock[i];
  cell.writer = thread;
  cell.written = view.clock[thread];
  return ordered;
}

void MemoryModel::fork(ThreadId parent, ThreadId child) noexcept {
  threads_[child].join(threads_[parent]);
  ++threads_[parent].clock[parent];
}

void MemoryModel::join(ThreadId parent, ThreadId child) noexcept {
  threads_[parent].join(threads_[child]);
}

}  // namespace spillway::testing
