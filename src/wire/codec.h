// What the generated codecs share: arrays, and null where a version does not know it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include "wire/reader.h"
#include "wire/writer.h"

namespace spillway::wire {

// Versions that have no null get an empty value instead.
template <typename T>
[[nodiscard]] std::optional<T> null_or_empty(const std::optional<T>& value,
                                             bool nullable) noexcept {
  return value.has_value() || nullable ? value : std::optional<T>(T{});
}

template <typename T>
void encode_element(Writer& out, const T& value, std::int16_t version, bool flexible) noexcept {
  if constexpr (std::is_integral_v<T>) {
    out.integer(value);
  } else if constexpr (std::is_same_v<T, std::string_view>) {
    out.string(value, flexible);
  } else {
    value.encode(out, version);
  }
}

template <typename T>
void encode_array(Writer& out, std::span<const T> values, std::int16_t version,
                  bool flexible) noexcept {
  out.length32(values.size(), flexible);
  for (const T& value : values) encode_element(out, value, version, flexible);
}

template <typename T>
void encode_array(Writer& out, const std::optional<std::span<const T>>& values,
                  std::int16_t version, bool flexible) noexcept {
  if (!values.has_value()) return out.null32(flexible);
  encode_array(out, *values, version, flexible);
}

template <typename T>
void decode_element(Reader& in, [[maybe_unused]] Arena& arena, T& value, std::int16_t version,
                    bool flexible) noexcept {
  if constexpr (std::is_integral_v<T>) {
    value = in.integer<T>();
  } else if constexpr (std::is_same_v<T, std::string_view>) {
    value = in.string(flexible);
  } else {
    value.decode(in, arena, version);
  }
}

template <typename T>
[[nodiscard]] std::span<const T> decode_elements(Reader& in, Arena& arena, std::size_t count,
                                                 std::int16_t version, bool flexible) noexcept {
  T* first = in.allocate<T>(arena, count);
  if (first == nullptr) return {};
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    decode_element(in, arena, first[i], version, flexible);
  }
  return {first, count};
}

template <typename T>
void decode_array(Reader& in, Arena& arena, std::span<const T>& values, std::int16_t version,
                  bool flexible, std::size_t element_size_min) noexcept {
  const std::size_t count = in.count(flexible, element_size_min);
  values = decode_elements<T>(in, arena, count, version, flexible);
}

template <typename T>
void decode_array(Reader& in, Arena& arena, std::optional<std::span<const T>>& values,
                  std::int16_t version, bool flexible, std::size_t element_size_min,
                  bool nullable) noexcept {
  const auto count = in.nullable_count(flexible, element_size_min);
  if (!count.has_value() && !nullable) in.fail("an array is null that may not be null");
  values.reset();
  if (count.has_value()) values = decode_elements<T>(in, arena, *count, version, flexible);
}

}  // namespace spillway::wire
