// Reader: Kafka's primitive types out of bytes that anybody may have sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include "wire/arena.h"
#include "wire/types.h"
#include "wire/varint.h"

namespace spillway::wire {

// Why decoding stopped and at which byte. `what` is a static sentence; null means no error.
struct DecodeError {
  const char* what = nullptr;
  std::size_t offset = 0;
};

// The first error is kept and sticks: from then on every read gives zero or empty, so a decoder may
// test once at the end. No length is believed before it is known to fit in what is left. Views
// point into the input.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> input) noexcept
      : begin_(input.data()), next_(begin_), end_(begin_ + input.size()) {}

  [[nodiscard]] bool ok() const noexcept { return error_.what == nullptr; }
  [[nodiscard]] const DecodeError& error() const noexcept { return error_; }
  [[nodiscard]] std::size_t offset() const noexcept {
    return static_cast<std::size_t>(next_ - begin_);
  }
  [[nodiscard]] std::size_t remaining() const noexcept {
    return static_cast<std::size_t>(end_ - next_);
  }

  void fail(const char* what) noexcept { fail_at(what, offset()); }
  void fail_at(const char* what, std::size_t offset) noexcept;
  // After a whole message: anything left over means that the two sides disagree about its layout.
  bool finish() noexcept;

  template <typename Integer>
  [[nodiscard]] Integer integer() noexcept {
    static_assert(std::is_integral_v<Integer>);
    const std::byte* in = claim(sizeof(Integer));
    return in == nullptr ? Integer{0} : load_big_endian<Integer>(in);
  }

  [[nodiscard]] bool boolean() noexcept { return integer<std::int8_t>() != 0; }

  [[nodiscard]] std::uint32_t unsigned_varint() noexcept {
    if (next_ != end_ && static_cast<std::uint8_t>(*next_) < 0x80) [[likely]] {
      return static_cast<std::uint8_t>(*next_++);
    }
    return unsigned_varint_long();
  }
  [[nodiscard]] std::uint64_t unsigned_varlong() noexcept;
  [[nodiscard]] std::int32_t varint() noexcept { return unzigzag(unsigned_varint()); }
  [[nodiscard]] std::int64_t varlong() noexcept { return unzigzag(unsigned_varlong()); }

  // Empty when fewer than `size` bytes are left, which is an error.
  [[nodiscard]] std::span<const std::byte> raw(std::size_t size) noexcept {
    const std::byte* in = claim(size);
    return in == nullptr ? std::span<const std::byte>{} : std::span(in, size);
  }

  [[nodiscard]] Uuid uuid() noexcept;
  [[nodiscard]] std::string_view string(bool flexible) noexcept;
  [[nodiscard]] std::optional<std::string_view> nullable_string(bool flexible) noexcept;
  [[nodiscard]] std::span<const std::byte> bytes(bool flexible) noexcept;
  [[nodiscard]] std::optional<std::span<const std::byte>> nullable_bytes(bool flexible) noexcept;
  [[nodiscard]] Records records(bool flexible) noexcept;

  // The count before the elements of an array, of which each takes at least `element_size_min`
  // bytes; none means null.
  [[nodiscard]] std::optional<std::size_t> nullable_count(bool flexible,
                                                          std::size_t element_size_min) noexcept;
  [[nodiscard]] std::size_t count(bool flexible, std::size_t element_size_min) noexcept;

  // `count` elements from the arena; null, and an error, when they do not fit.
  template <typename T>
  [[nodiscard]] T* allocate(Arena& arena, std::size_t count) noexcept {
    T* first = arena.allocate<T>(count);
    if (first == nullptr) fail("the message has more elements than the decode arena has room for");
    return first;
  }

  // Tagged fields: how many there are, then for each its number and a body that must be used up
  // exactly.
  struct Tag {
    std::uint32_t number;
    const std::byte* outer_end;
  };
  [[nodiscard]] std::uint32_t tag_count() noexcept;
  [[nodiscard]] Tag tag_begin() noexcept;
  void tag_skip() noexcept { next_ = end_; }
  void tag_end(const Tag& tag) noexcept;
  // Skips a whole tag section.
  void skip_tags() noexcept;

 private:
  const std::byte* claim(std::size_t size) noexcept {
    if (size > remaining()) [[unlikely]] {
      fail("the message ends before its fields do");
      return nullptr;
    }
    const std::byte* in = next_;
    next_ += size;
    return in;
  }
  [[nodiscard]] std::uint32_t unsigned_varint_long() noexcept;
  [[nodiscard]] std::optional<std::size_t> length16(bool flexible) noexcept;
  [[nodiscard]] std::optional<std::size_t> length32(bool flexible) noexcept;
  [[nodiscard]] std::optional<std::size_t> compact_length() noexcept;

  const std::byte* begin_;
  const std::byte* next_;
  const std::byte* end_;
  DecodeError error_;
};

}  // namespace spillway::wire
