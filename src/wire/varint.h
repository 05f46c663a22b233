// Variable-length integers: seven bits a byte, low group first, the top bit says "more follows".
// Signed ones are zigzagged first, so that small negative numbers stay short.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace spillway::wire {

inline constexpr std::size_t kVarintSizeMax = 5;
inline constexpr std::size_t kVarlongSizeMax = 10;

[[nodiscard]] constexpr std::uint32_t zigzag(std::int32_t value) noexcept {
  return (static_cast<std::uint32_t>(value) << 1) ^ static_cast<std::uint32_t>(value >> 31);
}
[[nodiscard]] constexpr std::uint64_t zigzag(std::int64_t value) noexcept {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
[[nodiscard]] constexpr std::int32_t unzigzag(std::uint32_t value) noexcept {
  return static_cast<std::int32_t>((value >> 1) ^ (0U - (value & 1)));
}
[[nodiscard]] constexpr std::int64_t unzigzag(std::uint64_t value) noexcept {
  return static_cast<std::int64_t>((value >> 1) ^ (std::uint64_t{0} - (value & 1)));
}

// ceil(bits / 7) without a division: (bits * 37 + 219) >> 8 is exact for 1..64 bits.
[[nodiscard]] constexpr std::size_t unsigned_varlong_size(std::uint64_t value) noexcept {
  return (static_cast<std::size_t>(std::bit_width(value | 1)) * 37 + 219) >> 8;
}
[[nodiscard]] constexpr std::size_t unsigned_varint_size(std::uint32_t value) noexcept {
  return unsigned_varlong_size(value);
}
[[nodiscard]] constexpr std::size_t varint_size(std::int32_t value) noexcept {
  return unsigned_varint_size(zigzag(value));
}
[[nodiscard]] constexpr std::size_t varlong_size(std::int64_t value) noexcept {
  return unsigned_varlong_size(zigzag(value));
}

// Each write returns the end of what it wrote; the caller has made room.
[[gnu::always_inline]] inline std::byte* write_unsigned_varlong(std::byte* out,
                                                                std::uint64_t value) noexcept {
  while (value >= 0x80) {
    *out++ = static_cast<std::byte>(value | 0x80);
    value >>= 7;
  }
  *out++ = static_cast<std::byte>(value);
  return out;
}

// One and two bytes (up to 8 KiB when zigzagged) go without a loop: they are nearly all there are.
[[gnu::always_inline]] inline std::byte* write_unsigned_varint(std::byte* out,
                                                               std::uint32_t value) noexcept {
  if (value < 0x80) [[likely]] {
    *out = static_cast<std::byte>(value);
    return out + 1;
  }
  if (value < 0x4000) [[likely]] {
    out[0] = static_cast<std::byte>(value | 0x80);
    out[1] = static_cast<std::byte>(value >> 7);
    return out + 2;
  }
  return write_unsigned_varlong(out, value);
}
[[gnu::always_inline]] inline std::byte* write_varint(std::byte* out, std::int32_t value) noexcept {
  return write_unsigned_varint(out, zigzag(value));
}
[[gnu::always_inline]] inline std::byte* write_varlong(std::byte* out,
                                                       std::int64_t value) noexcept {
  return write_unsigned_varlong(out, zigzag(value));
}

}  // namespace spillway::wire
