// A small weak memory: what C++ promises about atomics and no more, so that code which only works
// on x86 fails here.
//
// Every location keeps all values ever stored, in modification order:
//
//   location x   [0: value, view] [1: value, view] [2: value, view] ...   append only
//   thread       view: the oldest entry of each location that it may still read, and the clock of
//                each other thread that it has seen
//
// - A load returns any entry from the thread's view of x up to the newest. Acquire joins the view
//   in the entry into the thread's.
// - A release store leaves the thread's view in the entry; a relaxed one leaves none. A
//   read-modify-write reads the newest entry and passes its view on (release sequence).
// - seq_cst operations are ordered as executed: a seq_cst load reads no entry older than what an
//   earlier seq_cst operation on x has read or written.
// - Shared<T> values are not atomic: an access that no clock orders after an earlier conflicting
//   one is a data race.
//
// Not modelled: fences, load buffering, modification orders other than the order of execution.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace spillway::testing {

inline constexpr std::size_t kThreadsMax = 8;  // thread 0 is the scenario itself
inline constexpr std::size_t kLocationsMax = 64;

using LocationId = std::uint16_t;
using ThreadId = std::uint16_t;
using EntryIndex = std::uint16_t;  // the step limit keeps histories below 2^16

struct View {
  std::array<EntryIndex, kLocationsMax> seen{};
  std::array<std::uint16_t, kThreadsMax> clock{};

  void join(const View& other) noexcept;
};

// The history of one non-atomic value, as far as races need it.
struct RaceCell {
  ThreadId writer = 0;
  std::uint16_t written = 0;
  std::array<std::uint16_t, kThreadsMax> read{};
};

class MemoryModel {
 public:
  // Forgets everything; buffers stay allocated for the next schedule.
  void reset() noexcept;
  LocationId add_location(std::uint64_t value);

  // How many entries a load by this thread could return: entries newest-count+1 .. newest.
  std::size_t readable(ThreadId thread, LocationId location,
                       std::memory_order order) const noexcept;
  // Reads the entry `age` steps before the newest; age < readable().
  std::uint64_t load(ThreadId thread, LocationId location, std::memory_order order,
                     std::size_t age);
  void store(ThreadId thread, LocationId location, std::memory_order order, std::uint64_t value);
  std::uint64_t newest(LocationId location) const noexcept;
  // Replaces the newest entry's value by `value`, reading and writing with `order`.
  void read_modify_write(ThreadId thread, LocationId location, std::memory_order order,
                         std::uint64_t value);

  // False if the access races with an earlier one.
  [[nodiscard]] bool read_plain(ThreadId thread, RaceCell& cell) noexcept;
  [[nodiscard]] bool write_plain(ThreadId thread, RaceCell& cell) noexcept;

  // `child` starts after everything `parent` has done; `parent` goes on after everything `child`
  // has done.
  void fork(ThreadId parent, ThreadId child) noexcept;
  void join(ThreadId parent, ThreadId child) noexcept;

 private:
  struct Entry {
    std::uint64_t value = 0;
    View view;  // what an acquire load of this entry learns
  };
  struct Location {
    std::vector<Entry> history;
    EntryIndex seq_cst_floor = 0;
  };

  void append(ThreadId thread, LocationId location, std::memory_order order, std::uint64_t value,
              const View* inherited);
  void read_entry(ThreadId thread, LocationId location, std::memory_order order, EntryIndex index);

  std::array<Location, kLocationsMax> locations_;
  std::size_t locations_used_ = 0;
  std::array<View, kThreadsMax> threads_;
};

}  // namespace spillway::testing
