// The values that messages are made of. All of them are views: whoever owns the bytes outlives the
// message.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace spillway::wire {

// Lengths on the wire are signed: 32 bits for bytes, arrays and frames, 16 bits for strings.
inline constexpr std::size_t kLengthMax = 0x7fffffff;
inline constexpr std::size_t kStringLengthMax = 0x7fff;

// A topic id. All zero means "none".
struct Uuid {
  std::array<std::byte, 16> bytes{};

  [[nodiscard]] bool is_zero() const noexcept { return *this == Uuid{}; }
  friend auto operator<=>(const Uuid&, const Uuid&) = default;
};

// The records of a partition: null, bytes at hand, or (encoding only) bytes that stay where they
// are and are named by a token, to be gathered when the frame is written to the socket.
class Records {
 public:
  constexpr Records() noexcept = default;

  [[nodiscard]] static Records of(std::span<const std::byte> bytes) noexcept {
    return Records(Kind::kBytes, bytes.data(), bytes.size(), 0);
  }
  [[nodiscard]] static Records spliced(std::size_t size, std::uint64_t token) noexcept {
    return Records(Kind::kSpliced, nullptr, size, token);
  }

  [[nodiscard]] bool is_null() const noexcept { return kind_ == Kind::kNull; }
  [[nodiscard]] bool is_spliced() const noexcept { return kind_ == Kind::kSpliced; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::uint64_t token() const noexcept { return token_; }
  // Empty when null or spliced.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return {data_, kind_ == Kind::kBytes ? size_ : 0};
  }

 private:
  enum class Kind : std::uint8_t { kNull, kBytes, kSpliced };

  Records(Kind kind, const std::byte* data, std::size_t size, std::uint64_t token) noexcept
      : data_(data), size_(size), token_(token), kind_(kind) {}

  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::uint64_t token_ = 0;
  Kind kind_ = Kind::kNull;
};

template <typename Integer>
[[nodiscard]] constexpr Integer to_from_big_endian(Integer value) noexcept {
  if constexpr (std::endian::native == std::endian::big || sizeof(Integer) == 1) {
    return value;
  } else if constexpr (sizeof(Integer) == 2) {
    return static_cast<Integer>(__builtin_bswap16(static_cast<std::uint16_t>(value)));
  } else if constexpr (sizeof(Integer) == 4) {
    return static_cast<Integer>(__builtin_bswap32(static_cast<std::uint32_t>(value)));
  } else {
    static_assert(sizeof(Integer) == 8);
    return static_cast<Integer>(__builtin_bswap64(static_cast<std::uint64_t>(value)));
  }
}

template <typename Integer>
void store_big_endian(std::byte* out, Integer value) noexcept {
  const Integer swapped = to_from_big_endian(value);
  std::memcpy(out, &swapped, sizeof(swapped));
}

template <typename Integer>
[[nodiscard]] Integer load_big_endian(const std::byte* in) noexcept {
  Integer value;
  std::memcpy(&value, in, sizeof(value));
  return to_from_big_endian(value);
}

}  // namespace spillway::wire
