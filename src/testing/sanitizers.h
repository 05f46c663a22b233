// Which sanitizer this build runs under; gcc and clang say it differently.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define SPILL_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define SPILL_TSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SPILL_ASAN 1
#elif __has_feature(thread_sanitizer)
#define SPILL_TSAN 1
#endif
#endif

namespace spillway::testing {

// How much less a test should try than in a plain build, so that it takes about as long.
#if defined(SPILL_TSAN)
inline constexpr unsigned kSlowdown = 100;
#elif defined(SPILL_ASAN)
inline constexpr unsigned kSlowdown = 10;
#else
inline constexpr unsigned kSlowdown = 1;
#endif

}  // namespace spillway::testing
