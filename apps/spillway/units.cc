#include "apps/spillway/units.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <span>

namespace spillway::cli {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array<Unit, 8> kByteUnits{{{"", 1},
                                          {"B", 1},
                                          {"kB", 1000},
                                          {"MB", 1000 * 1000},
                                          {"GB", 1000 * 1000 * 1000},
                                          {"KiB", 1U << 10},
                                          {"MiB", 1U << 20},
                                          {"GiB", 1U << 30}}};

constexpr std::array<Unit, 4> kTimeUnits{
    {{"ms", 1}, {"s", 1000}, {"min", 60 * 1000}, {"h", 3600 * 1000}}};

std::optional<std::uint64_t> parse(std::string_view text, std::span<const Unit> units,
                                   std::uint64_t limit) {
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, problem] = std::from_chars(text.data(), end, number);
  if (problem != std::errc{}) return std::nullopt;
  const std::string_view name(rest, static_cast<std::size_t>(end - rest));
  for (const Unit& unit : units) {
    if (unit.name != name) continue;
    if (number > limit / unit.factor) return std::nullopt;
    return number * unit.factor;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  return parse(text, kByteUnits, INT64_MAX);
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  constexpr std::uint64_t kYear = 365ULL * 24 * 3600 * 1000;
  if (text == "0") return std::chrono::milliseconds(0);
  const auto count = parse(text, kTimeUnits, kYear);
  if (!count) return std::nullopt;
  return std::chrono::milliseconds(*count);
}

std::string format_count(std::uint64_t count) {
  std::string digits = std::to_string(count);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string format_decimal(double value, int digits) {
  std::array<char, 64> text{};
  const int size = std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return {text.data(), static_cast<std::size_t>(size)};
}

std::string format_bytes(std::uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " B";
  const double value = static_cast<double>(bytes);
  if (bytes < (1ULL << 20)) return format_decimal(value / 1024, 1) + " KiB";
  if (bytes < (1ULL << 30)) return format_decimal(value / (1ULL << 20), 1) + " MiB";
  return format_decimal(value / (1ULL << 30), 2) + " GiB";
}

std::string format_nanoseconds(std::uint64_t nanoseconds) {
  if (nanoseconds < 1000) return std::to_string(nanoseconds) + " ns";
  const double value = static_cast<double>(nanoseconds);
  if (nanoseconds < 1'000'000) return format_decimal(value / 1e3, 1) + " us";
  if (nanoseconds < 1'000'000'000) return format_decimal(value / 1e6, 1) + " ms";
  return format_decimal(value / 1e9, 2) + " s";
}

}  // namespace spillway::cli
