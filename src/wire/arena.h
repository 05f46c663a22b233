// Arena: where decoding puts arrays. A fixed buffer given by the caller; bump only, freed all at
// once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>

namespace spillway::wire {

class Arena {
 public:
  explicit Arena(std::span<std::byte> buffer) noexcept : buffer_(buffer) {}

  // `count` value-initialised elements, or a null pointer when they do not fit. Never the heap.
  template <typename T>
  [[nodiscard]] T* allocate(std::size_t count) noexcept {
    static_assert(std::is_trivially_destructible_v<T>, "nothing in an arena is destroyed");
    const auto address = reinterpret_cast<std::uintptr_t>(buffer_.data()) + used_;
    const std::size_t padding = (0 - address) & (alignof(T) - 1);
    const std::size_t room = buffer_.size() - used_;
    if (padding > room || count > (room - padding) / sizeof(T)) return nullptr;
    auto* first = reinterpret_cast<T*>(buffer_.data() + used_ + padding);
    used_ += padding + count * sizeof(T);
    std::uninitialized_value_construct_n(first, count);
    return first;
  }

  [[nodiscard]] std::size_t used() const noexcept { return used_; }
  // Everything that was decoded here is gone.
  void reset() noexcept { used_ = 0; }

 private:
  std::span<std::byte> buffer_;
  std::size_t used_ = 0;
};

}  // namespace spillway::wire
