// Sizes, times and counts as a person writes and reads them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace spillway::cli {

inline constexpr std::string_view kBytesHint =
    "is not a size: write a whole number and a unit, such as 64MiB, 500kB or 4096B";
inline constexpr std::string_view kDurationHint =
    "is not a time: write a whole number and a unit, such as 5ms, 60s, 2min or 0";

// "64MiB": B, kB, MB, GB (powers of 1000), KiB, MiB, GiB (of 1024); a bare number is bytes.
// Nothing if it is something else or does not fit 63 bits.
std::optional<std::uint64_t> parse_bytes(std::string_view text);

// "5ms": ms, s, min, h; a bare number only if it is 0. Nothing above 365 days, so that adding a
// deadline to a clock cannot overflow.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

std::string format_count(std::uint64_t count);              // 1,234,567
std::string format_bytes(std::uint64_t bytes);              // 12.3 MiB
std::string format_nanoseconds(std::uint64_t nanoseconds);  // 940 ns, 12.3 us, 4.0 ms
std::string format_decimal(double value, int digits);       // 12.34

}  // namespace spillway::cli
