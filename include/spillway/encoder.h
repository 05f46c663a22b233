// Encoding straight into the producer's memory: no intermediate buffer, no copy.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>

namespace spillway {

// An encoder turns a T into bytes. It is the caller's object and is reused from record to record.
// size_max: an upper bound of what encode will write for this value. encode: writes into `out`
// (at least size_max bytes) and returns the bytes written. Neither may throw.
template <typename E, typename T>
concept Encoder = requires(E& encoder, const T& value, std::span<std::byte> out) {
  { encoder.size_max(value) } noexcept -> std::convertible_to<std::size_t>;
  { encoder.encode(value, out) } noexcept -> std::convertible_to<std::size_t>;
};

}  // namespace spillway
