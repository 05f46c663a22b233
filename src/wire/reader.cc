#include "wire/reader.h"

#include <algorithm>

namespace spillway::wire {
namespace {

constexpr const char* kVarintTooLong = "a variable-length integer is longer than its type allows";
constexpr const char* kNegativeLength = "a length is negative and not null";
constexpr const char* kUnexpectedNull = "a field is null that may not be null";
constexpr const char* kPastTheEnd = "a length goes past the end of the message";

std::string_view text(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

void Reader::fail_at(const char* what, std::size_t offset) noexcept {
  if (ok()) error_ = {what, offset};
  next_ = end_;
}

bool Reader::finish() noexcept {
  if (ok() && next_ != end_) fail("the message has bytes left after its last field");
  return ok();
}

std::uint32_t Reader::unsigned_varint_long() noexcept {
  std::uint32_t value = 0;
  for (unsigned shift = 0; shift < 35; shift += 7) {
    const std::byte* in = claim(1);
    if (in == nullptr) return 0;
    const auto byte = static_cast<std::uint32_t>(*in);
    if (shift == 28 && byte > 0x0f) break;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  fail(kVarintTooLong);
  return 0;
}

std::uint64_t Reader::unsigned_varlong() noexcept {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    const std::byte* in = claim(1);
    if (in == nullptr) return 0;
    const auto byte = static_cast<std::uint64_t>(*in);
    if (shift == 63 && byte > 0x01) break;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  fail(kVarintTooLong);
  return 0;
}

Uuid Reader::uuid() noexcept {
  Uuid value;
  const auto in = raw(value.bytes.size());
  std::copy(in.begin(), in.end(), value.bytes.begin());
  return value;
}

std::optional<std::size_t> Reader::compact_length() noexcept {
  const std::uint32_t coded = unsigned_varint();
  if (coded == 0) return std::nullopt;
  return coded - 1;
}

// A length, or none for null and for every error. Null is no error here.
std::optional<std::size_t> Reader::length16(bool flexible) noexcept {
  if (flexible) return compact_length();
  const auto length = integer<std::int16_t>();
  if (length < -1) fail(kNegativeLength);
  if (length < 0) return std::nullopt;
  return static_cast<std::size_t>(length);
}

std::optional<std::size_t> Reader::length32(bool flexible) noexcept {
  if (flexible) return compact_length();
  const auto length = integer<std::int32_t>();
  if (length < -1) fail(kNegativeLength);
  if (length < 0) return std::nullopt;
  return static_cast<std::size_t>(length);
}

std::optional<std::string_view> Reader::nullable_string(bool flexible) noexcept {
  const auto length = length16(flexible);
  if (!length.has_value()) return std::nullopt;
  return text(raw(*length));
}

std::string_view Reader::string(bool flexible) noexcept {
  const auto value = nullable_string(flexible);
  if (!value.has_value()) fail(kUnexpectedNull);
  return value.value_or(std::string_view{});
}

std::optional<std::span<const std::byte>> Reader::nullable_bytes(bool flexible) noexcept {
  const auto length = length32(flexible);
  if (!length.has_value()) return std::nullopt;
  return raw(*length);
}

std::span<const std::byte> Reader::bytes(bool flexible) noexcept {
  const auto value = nullable_bytes(flexible);
  if (!value.has_value()) fail(kUnexpectedNull);
  return value.value_or(std::span<const std::byte>{});
}

Records Reader::records(bool flexible) noexcept {
  const auto value = nullable_bytes(flexible);
  return value.has_value() && ok() ? Records::of(*value) : Records();
}

std::optional<std::size_t> Reader::nullable_count(bool flexible,
                                                  std::size_t element_size_min) noexcept {
  const auto count = length32(flexible);
  if (!count.has_value()) return std::nullopt;
  if (*count > remaining() / element_size_min) {
    fail(kPastTheEnd);
    return 0;
  }
  return count;
}

std::size_t Reader::count(bool flexible, std::size_t element_size_min) noexcept {
  const auto count = nullable_count(flexible, element_size_min);
  if (!count.has_value()) fail(kUnexpectedNull);
  return count.value_or(0);
}

std::uint32_t Reader::tag_count() noexcept {
  const std::uint32_t count = unsigned_varint();
  // A tagged field takes at least two bytes.
  if (count > remaining() / 2) fail(kPastTheEnd);
  return ok() ? count : 0;
}

Reader::Tag Reader::tag_begin() noexcept {
  const std::uint32_t number = unsigned_varint();
  const std::uint32_t size = unsigned_varint();
  if (size > remaining()) fail(kPastTheEnd);
  const Tag tag{number, end_};
  if (ok()) end_ = next_ + size;
  return tag;
}

void Reader::tag_end(const Tag& tag) noexcept {
  if (next_ != end_) fail("a tagged field is longer than its content");
  end_ = tag.outer_end;
  if (!ok()) next_ = end_;
}

void Reader::skip_tags() noexcept {
  for (std::uint32_t left = tag_count(); left != 0 && ok(); --left) {
    const Tag tag = tag_begin();
    tag_skip();
    tag_end(tag);
  }
}

}  // namespace spillway::wire
