// Address space for blocks of one size, reserved once. A block costs memory only after it was
// touched.
#pragma once

#include <cstddef>
#include <cstdint>

namespace spillway {

class Arena {
 public:
  // Reserves `count` blocks of `stride` bytes (a multiple of the system's page). Check valid().
  Arena(std::size_t stride, std::uint32_t count) noexcept;
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  [[nodiscard]] bool valid() const noexcept { return base_ != nullptr; }
  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
  [[nodiscard]] std::byte* block(std::uint32_t index) const noexcept {
    return base_ + std::size_t{index} * stride_;
  }
  // Gives the first `bytes` of the block back to the system; they read as zero afterwards.
  void discard(std::uint32_t index, std::size_t bytes) noexcept;

 private:
  std::byte* base_ = nullptr;
  std::size_t stride_;
  std::uint32_t count_;
};

}  // namespace spillway
