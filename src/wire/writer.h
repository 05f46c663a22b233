// Writer: Kafka's primitive types into a bounded buffer. Big-endian; never grows, never throws.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include "base/check.h"
#include "wire/types.h"
#include "wire/varint.h"

namespace spillway::wire {

// Where bytes that are not in the buffer belong: `size` bytes known to the caller as `token` go
// between buffer[position - 1] and buffer[position].
struct Splice {
  std::size_t position;
  std::size_t size;
  std::uint64_t token;
};

// Overflow of the buffer or of the splice table is sticky: from then on nothing is written and ok()
// is false. One thread; keeps references to the buffers, owns nothing.
class Writer {
 public:
  explicit Writer(std::span<std::byte> buffer, std::span<Splice> splices = {}) noexcept
      : buffer_(buffer), splices_(splices) {}

  [[nodiscard]] bool ok() const noexcept { return ok_; }
  // Bytes in the buffer, without the spliced ones.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  // Bytes on the wire: the buffer and everything spliced into it.
  [[nodiscard]] std::size_t total_size() const noexcept { return size_ + spliced_size_; }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return buffer_.first(size_); }
  [[nodiscard]] std::span<const Splice> splices() const noexcept {
    return splices_.first(splice_count_);
  }

  void fail() noexcept { ok_ = false; }

  template <typename Integer>
  void integer(Integer value) noexcept {
    static_assert(std::is_integral_v<Integer>);
    std::byte* out = claim(sizeof(Integer));
    if (out != nullptr) store_big_endian(out, value);
  }

  void boolean(bool value) noexcept { integer(static_cast<std::int8_t>(value ? 1 : 0)); }

  void unsigned_varint(std::uint32_t value) noexcept {
    std::byte* out = claim(unsigned_varint_size(value));
    if (out != nullptr) write_unsigned_varint(out, value);
  }

  void raw(const void* data, std::size_t size) noexcept {
    std::byte* out = claim(size);
    if (out != nullptr && size != 0) std::memcpy(out, data, size);
  }

  void uuid(const Uuid& value) noexcept { raw(value.bytes.data(), value.bytes.size()); }

  void string(std::string_view value, bool flexible) noexcept {
    length16(value.size(), flexible);
    raw(value.data(), value.size());
  }
  void string(const std::optional<std::string_view>& value, bool flexible) noexcept {
    if (value.has_value()) return string(*value, flexible);
    flexible ? unsigned_varint(0) : integer(std::int16_t{-1});
  }

  void bytes(std::span<const std::byte> value, bool flexible) noexcept {
    length32(value.size(), flexible);
    raw(value.data(), value.size());
  }
  void bytes(const std::optional<std::span<const std::byte>>& value, bool flexible) noexcept {
    if (value.has_value()) return bytes(*value, flexible);
    null32(flexible);
  }

  void records(const Records& value, bool flexible) noexcept;

  // The count before the elements of an array.
  void length32(std::size_t count, bool flexible) noexcept {
    if (count > kLengthMax) return fail();
    flexible ? unsigned_varint(static_cast<std::uint32_t>(count) + 1)
             : integer(static_cast<std::int32_t>(count));
  }
  void null32(bool flexible) noexcept { flexible ? unsigned_varint(0) : integer(std::int32_t{-1}); }

  // A tagged field: its number, then a body whose length is only known at the end. Nothing may be
  // spliced in between.
  [[nodiscard]] std::size_t tag_begin(std::uint32_t tag) noexcept {
    unsigned_varint(tag);
    return size_;
  }
  void tag_end(std::size_t body_begin) noexcept;

  // The four-byte length before a frame, which starts at the start of the buffer.
  void frame_begin() noexcept { integer(std::int32_t{0}); }
  void frame_end() noexcept;

 private:
  std::byte* claim(std::size_t size) noexcept {
    if (!ok_ || size > buffer_.size() - size_) {
      ok_ = false;
      return nullptr;
    }
    std::byte* out = buffer_.data() + size_;
    size_ += size;
    return out;
  }

  void length16(std::size_t size, bool flexible) noexcept {
    if (size > kStringLengthMax) return fail();
    flexible ? unsigned_varint(static_cast<std::uint32_t>(size) + 1)
             : integer(static_cast<std::int16_t>(size));
  }

  std::span<std::byte> buffer_;
  std::span<Splice> splices_;
  std::size_t size_ = 0;
  std::size_t spliced_size_ = 0;
  std::size_t splice_count_ = 0;
  bool ok_ = true;
};

}  // namespace spillway::wire
