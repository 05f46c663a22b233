#include "harness/process.h"

#include <dlfcn.h>
#include <sys/resource.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace spillway::bench {
namespace {

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

std::size_t status_bytes(const char* field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field)) {
      return std::strtoull(line.c_str() + std::string(field).size() + 1, nullptr, 10) * 1024;
    }
  }
  return 0;
}

}  // namespace

void sleep_until_ns(std::uint64_t mono) noexcept {
  timespec until{};
  until.tv_sec = static_cast<std::time_t>(mono / 1'000'000'000);
  until.tv_nsec = static_cast<long>(mono % 1'000'000'000);
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) != 0) {
  }
}

ProcessUse process_use() noexcept {
  rusage use{};
  ::getrusage(RUSAGE_SELF, &use);
  return {seconds_of(use.ru_utime), seconds_of(use.ru_stime), use.ru_nvcsw, use.ru_nivcsw};
}

std::size_t rss_peak_bytes() {
  return status_bytes("VmHWM:");
}
std::size_t rss_bytes() {
  return status_bytes("VmRSS:");
}

std::int64_t allocations() noexcept {
  using Read = std::int64_t (*)();
  static const auto read = reinterpret_cast<Read>(::dlsym(RTLD_DEFAULT, "malloc_count_read"));
  return read == nullptr ? -1 : read();
}

}  // namespace spillway::bench
