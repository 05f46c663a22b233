#include "ring/platform.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <ctime>

namespace spillway {
namespace {

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t),
              "the kernel reads the word itself, so the atomic must be nothing but the word");

// libstdc++'s and libc++'s steady_clock count CLOCK_MONOTONIC, the clock of FUTEX_WAIT_BITSET.
timespec absolute(MonoTime deadline) {
  using std::chrono::nanoseconds;
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::int64_t ns =
      std::chrono::duration_cast<nanoseconds>(deadline.time_since_epoch()).count();
  const std::int64_t positive = ns > 0 ? ns : 0;
  return {static_cast<time_t>(positive / kSecond), static_cast<long>(positive % kSecond)};
}

}  // namespace

bool NativePlatform::wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                          MonoTime deadline) noexcept {
  const bool forever = deadline == kNever;
  const timespec until = absolute(deadline);
  const long result = syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected,
                              forever ? nullptr : &until, nullptr, FUTEX_BITSET_MATCH_ANY);
  return !(result == -1 && errno == ETIMEDOUT);
}

void NativePlatform::wake_all(const std::atomic<std::uint32_t>& word) noexcept {
  syscall(SYS_futex, &word, FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG, INT_MAX, nullptr, nullptr,
          FUTEX_BITSET_MATCH_ANY);
}

}  // namespace spillway
