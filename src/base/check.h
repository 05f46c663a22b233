// SPILL_CHECK: invariants of our own code. Always on; a failure is a bug of Spillway, never of a
// network, disk or user.
#pragma once

namespace spillway {

// Writes one line to standard error with write(2) and aborts. Allocates nothing, takes no lock.
[[noreturn]] void check_failed(const char* file, int line, const char* condition,
                               const char* why) noexcept;

}  // namespace spillway

#define SPILL_CHECK(condition, why)                  \
  (__builtin_expect(static_cast<bool>(condition), 1) \
       ? static_cast<void>(0)                        \
       : ::spillway::check_failed(__FILE__, __LINE__, #condition, why))

// For checks that cost more than a few ns on the hot path: on in debug and sanitizer builds.
#if !defined(NDEBUG) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SPILL_DCHECK(condition, why) SPILL_CHECK(condition, why)
#else
#define SPILL_DCHECK(condition, why) static_cast<void>(0)
#endif
