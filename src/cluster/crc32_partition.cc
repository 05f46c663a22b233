#include "cluster/crc32_partition.h"

#include <isa-l/crc.h>

namespace spillway {

std::uint32_t crc32_of_key(std::span<const std::byte> key) noexcept {
  return ::crc32_gzip_refl(0, reinterpret_cast<const unsigned char*>(key.data()), key.size());
}

}  // namespace spillway
