// CRC-32C (Castagnoli), the checksum of Kafka's record batch v2, and the algebra that folds two of
// them into one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace spillway {

// The checksum of `size` bytes continuing from `crc` (0 to start). Plain value as it stands on the
// wire: crc32c("123456789") == 0xE3069283. Cost: about 14 ns for 100 B (crc32q), 34 GB/s from 1 KiB
// (ISA-L).
[[nodiscard]] std::uint32_t crc32c(std::uint32_t crc, const void* data, std::size_t size) noexcept;

// crc(A ++ B) from crc(A), crc(B) and the length of B. Cost: about 10 ns, independent of the length
// for lengths below 2^32.
[[nodiscard]] std::uint32_t crc32c_combine(std::uint32_t crc_a, std::uint32_t crc_b,
                                           std::size_t size_b) noexcept;

}  // namespace spillway
