// The memory plan: what every part of a producer holds, added up before anything is reserved.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "memory/pool.h"
#include "net/epoll_transport.h"
#include "net/tls_transport.h"
#include "spillway/error.h"
#include "spillway/options.h"

namespace spillway {

struct MemoryPlan {
  struct Line {
    const char* holder;
    std::size_t bytes;
    std::string why;
  };
  std::vector<Line> fixed;
  std::size_t fixed_bytes = 0;
  Pool::Config pool;
  std::uint32_t ring_slots = 0;
  std::uint32_t lanes = 0;

  // As a table for a log.
  [[nodiscard]] std::string text() const;
};

inline constexpr std::size_t kIoStackBytes = 256 * kKiB;

// Errors: BudgetTooSmall, naming the smallest budget that works with these options.
Result<MemoryPlan> plan_memory(const Options& options);

[[nodiscard]] EpollTransport::Options transport_options(const Options& options);
[[nodiscard]] TlsTransport::Limits tls_limits(const Options& options);

}  // namespace spillway
