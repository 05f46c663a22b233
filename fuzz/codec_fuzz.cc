// Codecs: the first byte chooses one; the rest is unpacked as it is, which must not step outside
// its room, and packed and unpacked, which must give it back.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/check.h"
#include "wire/compression.h"

namespace {

using spillway::Codec;
using spillway::wire::Compressor;

constexpr std::size_t kInputMax = 1 << 16;

Compressor& compressor(Codec codec) {
  static const auto gzip = Compressor::create({Codec::Gzip}, kInputMax);
  static const auto snappy = Compressor::create({Codec::Snappy}, kInputMax);
  static const auto lz4 = Compressor::create({Codec::Lz4}, kInputMax);
  static const auto zstd = Compressor::create({Codec::Zstd}, kInputMax);
  switch (codec) {
    case Codec::Gzip:
      return *gzip;
    case Codec::Snappy:
      return *snappy;
    case Codec::Lz4:
      return *lz4;
    default:
      return *zstd;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto codec = static_cast<Codec>(1 + data[0] % 4);
  const auto* bytes = reinterpret_cast<const std::byte*>(data + 1);
  const std::span<const std::byte> in(bytes, std::min(size - 1, kInputMax));
  std::vector<std::byte> room(kInputMax);
  SPILL_CHECK(spillway::wire::unpack(codec, in, room) <= room.size(), "it fits its room");

  std::vector<std::byte> packed(spillway::wire::packed_size_max(in.size()));
  packed.resize(compressor(codec).pack(in, packed));
  SPILL_CHECK(!packed.empty(), "the room was as large as asked");
  room.resize(in.size());
  SPILL_CHECK(spillway::wire::unpack(codec, packed, room) == in.size(), "all of it comes back");
  SPILL_CHECK(std::equal(in.begin(), in.end(), room.begin()), "as it went in");
  return 0;
}
