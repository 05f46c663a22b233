#include "cluster/sasl_text.h"

#include <openssl/crypto.h>

#include <cstdint>

#include "base/check.h"

namespace spillway {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

void wipe(std::string& secret) noexcept {
  OPENSSL_cleanse(secret.data(), secret.size());
  secret.clear();
}

std::string printable(std::string_view text, std::size_t bytes_max) {
  std::string out(text.substr(0, bytes_max));
  for (char& each : out) {
    if (each < ' ' || each > '~') each = '?';
  }
  if (text.size() > bytes_max) out += "...";
  return out;
}

std::optional<std::size_t> base64_decode(std::string_view text, std::span<std::byte> out) noexcept {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && text.ends_with('=')) {
    text.remove_suffix(1);
    ++padding;
  }
  std::size_t used = 0;
  std::uint32_t bits = 0;
  int bit_count = 0;
  for (const char each : text) {
    const std::size_t value = kAlphabet.find(each);
    if (value == kAlphabet.npos) return std::nullopt;
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    bit_count += 6;
    if (bit_count < 8) continue;
    if (used == out.size()) return std::nullopt;
    bit_count -= 8;
    out[used++] = static_cast<std::byte>(bits >> bit_count);
    bits &= (1U << bit_count) - 1;
  }
  if (bits != 0) return std::nullopt;  // the same bytes have one spelling
  return used;
}

std::string_view base64_encode(std::span<const std::byte> bytes, std::span<char> out) noexcept {
  SPILL_CHECK(out.size() >= base64_size(bytes.size()), "the caller asked base64_size");
  std::size_t used = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = bytes.size() - i < 3 ? bytes.size() - i : 3;
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k)
      bits = (bits << 8) | (k < count ? static_cast<std::uint32_t>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k)
      out[used++] = k <= count ? kAlphabet[(bits >> (18 - 6 * k)) & 63] : '=';
  }
  return {out.data(), used};
}

}  // namespace spillway
