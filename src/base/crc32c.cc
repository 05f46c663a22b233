#include "base/crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>
#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace spillway {
namespace {

// Polynomials stand bit-reflected, as on the wire: bit 31 is x^0, bit 0 is x^31.
constexpr std::uint32_t kPolynomial = 0x82F63B78;
constexpr std::uint32_t kOne = 0x80000000;
constexpr std::uint32_t kX8 = 0x00800000;

// The Castagnoli polynomial is (x + 1) times a primitive one of degree 31, so powers of x repeat
// with this period.
constexpr std::size_t kPeriod = (std::size_t{1} << 31) - 1;

// Below this, one chain of crc32q beats ISA-L, which has a call, a dispatch and a folding set-up to
// pay.
[[maybe_unused]] constexpr std::size_t kShortRunMax = 200;

// ISA-L takes the length as an int.
constexpr std::size_t kIsalRunMax = std::size_t{1} << 30;

constexpr std::uint32_t times_x(std::uint32_t a) {
  return (a >> 1) ^ ((a & 1) != 0 ? kPolynomial : 0);
}

constexpr std::uint32_t divided_by_x(std::uint32_t a) {
  return (a & kOne) != 0 ? ((a ^ kPolynomial) << 1) | 1 : a << 1;
}

constexpr std::uint32_t multiply(std::uint32_t a, std::uint32_t b) {
  std::uint32_t product = 0;
  for (std::uint32_t bit = kOne; bit != 0; bit >>= 1) {
    if ((a & bit) != 0) product ^= b;
    b = times_x(b);
  }
  return product;
}

// table[k][b] = x^(8 * b * 256^k) * `scale`: the shift over b * 256^k bytes.
using ShiftTable = std::array<std::array<std::uint32_t, 256>, 4>;

constexpr ShiftTable make_shift_table(std::uint32_t scale) {
  ShiftTable table{};
  std::uint32_t step = kX8;
  for (auto& row : table) {
    std::uint32_t power = kOne;
    for (auto& entry : row) {
      entry = multiply(power, scale);
      power = multiply(power, step);
    }
    step = power;
  }
  return table;
}

constexpr ShiftTable kShift = make_shift_table(kOne);

std::uint32_t shift_portable(std::uint32_t crc, std::size_t bytes) {
  for (std::size_t row = 0; bytes != 0; ++row, bytes >>= 8) {
    if ((bytes & 255) != 0) crc = multiply(crc, kShift[row][bytes & 255]);
  }
  return crc;
}

std::uint32_t crc_isal(std::uint32_t crc, const unsigned char* data, std::size_t size) {
  // ISA-L neither inverts at the start nor at the end.
  crc = ~crc;
  while (size != 0) {
    const std::size_t run = std::min(size, kIsalRunMax);
    crc = crc32_iscsi(const_cast<unsigned char*>(data), static_cast<int>(run), crc);
    data += run;
    size -= run;
  }
  return ~crc;
}

#if defined(__x86_64__)

// crc32q multiplies by x^32 on its way; the table takes that out in advance.
constexpr std::uint32_t x_to_minus_32() {
  std::uint32_t power = kOne;
  for (int i = 0; i < 32; ++i) power = divided_by_x(power);
  return power;
}
constexpr ShiftTable kShiftForCrc32q = make_shift_table(x_to_minus_32());

__attribute__((target("sse4.2"))) std::uint32_t crc_short(std::uint32_t crc,
                                                          const unsigned char* data,
                                                          std::size_t size) {
  std::uint64_t state = static_cast<std::uint32_t>(~crc);
  for (; size >= 8; size -= 8, data += 8) {
    std::uint64_t word;
    std::memcpy(&word, data, 8);
    state = _mm_crc32_u64(state, word);
  }
  auto narrow = static_cast<std::uint32_t>(state);
  if ((size & 4) != 0) {
    std::uint32_t word;
    std::memcpy(&word, data, 4);
    narrow = _mm_crc32_u32(narrow, word);
    data += 4;
  }
  for (size &= 3; size != 0; --size) narrow = _mm_crc32_u8(narrow, *data++);
  return ~narrow;
}

__attribute__((target("sse4.2,pclmul"))) std::uint32_t shift_clmul(std::uint32_t crc,
                                                                   std::size_t bytes) {
  for (std::size_t row = 0; bytes != 0; ++row, bytes >>= 8) {
    if ((bytes & 255) == 0) continue;
    const __m128i a = _mm_cvtsi32_si128(static_cast<int>(crc));
    const __m128i b = _mm_cvtsi32_si128(static_cast<int>(kShiftForCrc32q[row][bytes & 255]));
    const auto product =
        static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm_clmulepi64_si128(a, b, 0)));
    crc = static_cast<std::uint32_t>(_mm_crc32_u64(0, product << 1));
  }
  return crc;
}

const bool has_crc32q = __builtin_cpu_supports("sse4.2") != 0;
const bool has_clmul = has_crc32q && __builtin_cpu_supports("pclmul") != 0;

#endif

}  // namespace

std::uint32_t crc32c(std::uint32_t crc, const void* data, std::size_t size) noexcept {
  const auto* bytes = static_cast<const unsigned char*>(data);
#if defined(__x86_64__)
  if (size < kShortRunMax && has_crc32q) return crc_short(crc, bytes, size);
#endif
  return crc_isal(crc, bytes, size);
}

std::uint32_t crc32c_combine(std::uint32_t crc_a, std::uint32_t crc_b,
                             std::size_t size_b) noexcept {
  const std::size_t bytes = size_b < kPeriod ? size_b : size_b % kPeriod;
#if defined(__x86_64__)
  if (has_clmul) return shift_clmul(crc_a, bytes) ^ crc_b;
#endif
  return shift_portable(crc_a, bytes) ^ crc_b;
}

}  // namespace spillway
