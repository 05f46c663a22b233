#include "apps/spillway/payload.h"

#include <algorithm>
#include <random>
#include <string_view>

namespace spillway::cli {
namespace {

std::string random_block(std::size_t size) {
  std::mt19937_64 random(20'260'101);  // the same bytes in every run: runs are compared
  std::string block(size, '\0');
  for (char& byte : block) byte = static_cast<char>(random());
  return block;
}

}  // namespace

Payload::Payload(const PayloadShape& shape)
    : shape_(shape),
      block_(random_block(kBlockBytes + std::max({shape.value_bytes, shape.key_bytes,
                                                  std::uint64_t{kHeaderBytes}}))) {
  constexpr std::string_view kName = "trace-id";
  const std::string_view value(block_.data(), kHeaderBytes - kName.size());
  headers_.assign(shape.headers, Header{kName, value});
}

}  // namespace spillway::cli
