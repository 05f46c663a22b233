// Text of SASL: base64, secrets that have to vanish, and words of strangers made fit for a
// sentence.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace spillway {

void wipe(std::string& secret) noexcept;

// At most so many bytes of it, with everything but printable ASCII as '?'.
[[nodiscard]] std::string printable(std::string_view text, std::size_t bytes_max);

// RFC 4648 §4, with its padding and nothing else. None: it is not base64, or `out` is too small.
[[nodiscard]] std::optional<std::size_t> base64_decode(std::string_view text,
                                                       std::span<std::byte> out) noexcept;
[[nodiscard]] constexpr std::size_t base64_size(std::size_t bytes) noexcept {
  return (bytes + 2) / 3 * 4;
}
// The text lies in `out`, which has base64_size(bytes.size()) characters.
std::string_view base64_encode(std::span<const std::byte> bytes, std::span<char> out) noexcept;

}  // namespace spillway
