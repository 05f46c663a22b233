// What is sent: slices of one random block, or lines of one file, so that every client moves the
// same bytes and makes none.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
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
    if (!settings.payload_file.empty()) read_lines();
  }

  [[nodiscard]] Item item(std::uint64_t index) const noexcept {
    Item item;
    item.value = lines_.empty() ? slice(index, settings_.size) : line(index);
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

  // At random, as the Java client's own tool does: a batch holds a few lines twice for everybody.
  [[nodiscard]] std::string_view line(std::uint64_t index) const noexcept {
    std::uint64_t mixed = (index + kSeed) * 0x9E37'79B9'7F4A'7C15;
    mixed = (mixed ^ (mixed >> 32)) * 0xD6E8'FEB8'6659'FD93;
    return lines_[(mixed ^ (mixed >> 32)) % lines_.size()];
  }

  void read_lines() {
    std::ifstream file(settings_.payload_file, std::ios::binary);
    text_.assign(std::istreambuf_iterator<char>(file), {});
    for (std::size_t begin = 0, end = 0; begin < text_.size(); begin = end + 1) {
      end = std::min(text_.find('\n', begin), text_.size());
      if (end > begin) lines_.emplace_back(text_.data() + begin, end - begin);
    }
    if (!lines_.empty()) return;
    std::fprintf(stderr, "bench: %s has no lines\n", settings_.payload_file.c_str());
    std::exit(2);
  }

  Settings settings_;
  std::string block_;
  std::string text_;
  std::vector<std::string_view> lines_;  // into text_
};

}  // namespace spillway::bench
