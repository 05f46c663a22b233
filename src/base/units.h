#pragma once

#include <cstddef>

namespace spillway {

inline constexpr std::size_t kKiB = 1024;
inline constexpr std::size_t kMiB = 1024 * kKiB;

[[nodiscard]] constexpr std::size_t round_up(std::size_t value, std::size_t multiple) noexcept {
  return (value + multiple - 1) / multiple * multiple;
}
[[nodiscard]] constexpr std::size_t divide_up(std::size_t value, std::size_t by) noexcept {
  return (value + by - 1) / by;
}

}  // namespace spillway
