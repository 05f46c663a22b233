// What is sent: slices of one random block, so that every client moves the same bytes and makes
// none.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "harness/settings.h"

namespace spillway::bench {

inline constexpr std::string_view kHeaderName = "header-0";

// One record as the loops hand it to a client. All views point into the Payload, which outlives
// every client.
struct Item {
  std::string_view value;
  std::string_view key;           // data() is null: no key
  std::string_view header_value;  // used `headers` times under kHeaderName
  std::int32_t partition = -1;    // -1: the client chooses
  std::uintptr_t tag = 0;         // comes back with the callback
};

class Payload {
 public:
  explicit Payload(const Settings& settings) : settings_(settings) {
    block_.resize(std::max<std::size_t>(kBlock, settings.size * 2));
    std::mt19937_64 random(kSeed);
    for (char& byte : block_) byte = static_cast<char>(random());
  }

  [[nodiscard]] Item item(std::uint64_t index) const noexcept {
    Item item;
    item.value = slice(index, settings_.size);
    if (settings_.key_size > 0) item.key = slice(index * 31 + 7, settings_.key_size);
    if (settings_.headers > 0) {
      item.header_value = slice(index * 17 + 3, settings_.header_size - kHeaderName.size());
    }
    if (settings_.spread == Spread::RoundRobin) {
      item.partition = static_cast<std::int32_t>(index % settings_.partitions);
    }
    return item;
  }

 private:
  static constexpr std::size_t kBlock = std::size_t{1} << 20;
  static constexpr std::uint64_t kSeed = 20'240'229;

  // A step of 104 bytes walks through the block, so the source is cached as badly for all.
  [[nodiscard]] std::string_view slice(std::uint64_t index, std::size_t size) const noexcept {
    const std::uint64_t start = (index * 104) & (kBlock - 1);
    return {block_.data() + std::min(start, block_.size() - size), size};
  }

  Settings settings_;
  std::string block_;
};

}  // namespace spillway::bench
