#pragma once

#include <cstddef>

namespace spillway {

// Two 64-byte lines: the adjacent-line prefetcher of x86 pulls lines in pairs, so 64 still shares.
inline constexpr std::size_t kCacheLinePair = 128;

}  // namespace spillway
