#define ZSTD_STATIC_LINKING_ONLY  // a context in memory of our own; Debian's shared library exports
                                  // it

#include "wire/compression.h"

#include <libdeflate.h>
#include <lz4frame.h>
#include <lz4hc.h>
#include <snappy.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <new>
#include <string>

#include "base/check.h"
#include "base/units.h"

namespace spillway::wire {
namespace {

struct Levels {
  const char* name;
  int lowest;
  int highest;
  int by_default;
};
constexpr std::array<Levels, 5> kLevels{{
    {"none", 0, 0, 0},
    {"gzip", 1, 12, 6},
    {"snappy", 0, 0, 0},
    {"lz4", 1, 12, 1},
    {"zstd", 1, 22, 3},
}};

const Levels& levels_of(Codec codec) noexcept {
  return kLevels[static_cast<std::size_t>(codec)];
}

int level_of(const Compression& choice) noexcept {
  return choice.level == Compression::kLevelDefault ? levels_of(choice.codec).by_default
                                                    : choice.level;
}

const char* chars(std::span<const std::byte> bytes) noexcept {
  return reinterpret_cast<const char*>(bytes.data());
}
char* chars(std::span<std::byte> bytes) noexcept {
  return reinterpret_cast<char*>(bytes.data());
}

class Gzip final : public Compressor {
 public:
  explicit Gzip(int level) : context_(libdeflate_alloc_compressor(level)) {}
  ~Gzip() override { libdeflate_free_compressor(context_); }
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;

  [[nodiscard]] bool valid() const noexcept { return context_ != nullptr; }
  // Measured 0.2, 0.67 and 9.01 MB; the levels from 10 on search for the optimum.
  static std::size_t memory_bytes(int level) noexcept {
    return level == 1 ? 256 * kKiB : level < 10 ? 768 * kKiB : 9 * kMiB;
  }

  std::size_t pack(std::span<const std::byte> in, std::span<std::byte> out) noexcept override {
    return libdeflate_gzip_compress(context_, in.data(), in.size(), out.data(), out.size());
  }

 private:
  libdeflate_compressor* const context_;
};

class Snappy final : public Compressor {
 public:
  [[nodiscard]] static bool valid() noexcept { return true; }
  // Per call: a hash table of 32 KiB and room for one block, in and out.
  static std::size_t memory_bytes() noexcept { return 192 * kKiB; }

  std::size_t pack(std::span<const std::byte> in, std::span<std::byte> out) noexcept override {
    std::size_t size = out.size();
    snappy::RawCompress(chars(in), in.size(), chars(out), &size);
    return size;
  }
};

class Lz4 final : public Compressor {
 public:
  explicit Lz4(int level) {
    preferences_.frameInfo.blockSizeID = LZ4F_max64KB;
    preferences_.frameInfo.blockMode = LZ4F_blockIndependent;
    preferences_.compressionLevel = level;
    preferences_.autoFlush = 1;  // no copy of what is left over
    if (LZ4F_isError(LZ4F_createCompressionContext(&context_, LZ4F_VERSION))) context_ = nullptr;
    std::array<std::byte, 256> warm{};  // takes what later calls use again
    if (context_ != nullptr && pack(std::span(warm).first(8), warm) == 0) free_context();
  }
  ~Lz4() override { free_context(); }
  Lz4(const Lz4&) = delete;
  Lz4& operator=(const Lz4&) = delete;

  [[nodiscard]] bool valid() const noexcept { return context_ != nullptr; }
  static std::size_t memory_bytes(int level) noexcept {
    return (level < LZ4HC_CLEVEL_MIN ? 16 : 256) * kKiB + 32 * kKiB;
  }

  std::size_t pack(std::span<const std::byte> in, std::span<std::byte> out) noexcept override {
    std::size_t size = LZ4F_compressBegin(context_, out.data(), out.size(), &preferences_);
    if (LZ4F_isError(size)) return 0;
    // Block by block: the library wants room for the worst of what it is given at once.
    for (std::size_t at = 0; at < in.size(); at += kBlockBytes) {
      const auto block = in.subspan(at, std::min(kBlockBytes, in.size() - at));
      const std::size_t added = LZ4F_compressUpdate(context_, &out[size], out.size() - size,
                                                    block.data(), block.size(), nullptr);
      if (LZ4F_isError(added)) return 0;
      size += added;
    }
    const std::size_t last = LZ4F_compressEnd(context_, &out[size], out.size() - size, nullptr);
    return LZ4F_isError(last) ? 0 : size + last;
  }

 private:
  static constexpr std::size_t kBlockBytes = 64 * kKiB;

  void free_context() noexcept {
    (void)LZ4F_freeCompressionContext(context_);
    context_ = nullptr;
  }

  LZ4F_cctx* context_ = nullptr;
  LZ4F_preferences_t preferences_{};
};

class Zstd final : public Compressor {
 public:
  Zstd(int level, std::size_t input_max)
      : memory_(std::make_unique_for_overwrite<std::byte[]>(memory_bytes(level, input_max))),
        context_(ZSTD_initStaticCCtx(memory_.get(), memory_bytes(level, input_max))) {
    // Spelled out: a level alone would choose larger tables than the memory for some sizes.
    const ZSTD_compressionParameters chosen = ZSTD_getCParams(level, input_max, 0);
    set(ZSTD_c_windowLog, static_cast<int>(chosen.windowLog));
    set(ZSTD_c_hashLog, static_cast<int>(chosen.hashLog));
    set(ZSTD_c_chainLog, static_cast<int>(chosen.chainLog));
    set(ZSTD_c_searchLog, static_cast<int>(chosen.searchLog));
    set(ZSTD_c_minMatch, static_cast<int>(chosen.minMatch));
    set(ZSTD_c_targetLength, static_cast<int>(chosen.targetLength));
    set(ZSTD_c_strategy, chosen.strategy);
  }

  [[nodiscard]] bool valid() const noexcept { return context_ != nullptr; }
  static std::size_t memory_bytes(int level, std::size_t input_max) {
    return round_up(ZSTD_estimateCCtxSize_usingCParams(ZSTD_getCParams(level, input_max, 0)), 64);
  }

  std::size_t pack(std::span<const std::byte> in, std::span<std::byte> out) noexcept override {
    const std::size_t size = ZSTD_compress2(context_, out.data(), out.size(), in.data(), in.size());
    return ZSTD_isError(size) ? 0 : size;
  }

 private:
  void set(ZSTD_cParameter parameter, int value) noexcept {
    if (context_ != nullptr) (void)ZSTD_CCtx_setParameter(context_, parameter, value);
  }

  const std::unique_ptr<std::byte[]> memory_;
  ZSTD_CCtx* const context_;
};

template <typename Kind, typename... Arguments>
std::unique_ptr<Compressor> make(Arguments... arguments) {
  auto made = std::make_unique<Kind>(arguments...);
  return made->valid() ? std::move(made) : nullptr;
}

std::size_t unpack_lz4(std::span<const std::byte> in, std::span<std::byte> out) noexcept {
  LZ4F_dctx* context = nullptr;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION))) return 0;
  std::size_t written = 0;
  std::size_t hint = 1;
  while (hint != 0 && !in.empty()) {  // each turn reads or writes something, or ends it
    std::size_t wrote = out.size() - written;
    std::size_t read = in.size();
    hint = LZ4F_decompress(context, out.data() + written, &wrote, in.data(), &read, nullptr);
    if (LZ4F_isError(hint) || (wrote == 0 && read == 0)) break;
    written += wrote;
    in = in.subspan(read);
  }
  (void)LZ4F_freeDecompressionContext(context);
  return hint == 0 ? written : 0;
}

std::size_t unpack_gzip(std::span<const std::byte> in, std::span<std::byte> out) noexcept {
  libdeflate_decompressor* context = libdeflate_alloc_decompressor();
  if (context == nullptr) return 0;
  std::size_t size = 0;
  const libdeflate_result result =
      libdeflate_gzip_decompress(context, in.data(), in.size(), out.data(), out.size(), &size);
  libdeflate_free_decompressor(context);
  return result == LIBDEFLATE_SUCCESS ? size : 0;
}

std::size_t unpack_snappy(std::span<const std::byte> in, std::span<std::byte> out) noexcept {
  std::size_t size = 0;
  if (!snappy::GetUncompressedLength(chars(in), in.size(), &size) || size > out.size()) return 0;
  return snappy::RawUncompress(chars(in), in.size(), chars(out)) ? size : 0;
}

}  // namespace

Result<void> check_compression(const Compression& choice) {
  const Levels& levels = levels_of(choice.codec);
  const int level = level_of(choice);
  if (level >= levels.lowest && level <= levels.highest) return {};
  if (levels.highest == 0)
    return Error(ErrorCode::InvalidOption,
                 std::string("compression ") + levels.name + " has no levels");
  return Error(ErrorCode::InvalidOption,
               std::string("the level of ") + levels.name + " is " + std::to_string(levels.lowest) +
                   " to " + std::to_string(levels.highest) + ", not " + std::to_string(level));
}

std::unique_ptr<Compressor> Compressor::create(const Compression& choice, std::size_t input_max) {
  switch (choice.codec) {
    case Codec::Gzip:
      return make<Gzip>(level_of(choice));
    case Codec::Snappy:
      return make<Snappy>();
    case Codec::Lz4:
      return make<Lz4>(level_of(choice));
    case Codec::Zstd:
      return make<Zstd>(level_of(choice), input_max);
    case Codec::None:
      break;
  }
  SPILL_CHECK(false, "no compression needs no compressor");
  return nullptr;
}

std::size_t Compressor::memory_bytes(const Compression& choice, std::size_t input_max) {
  switch (choice.codec) {
    case Codec::Gzip:
      return Gzip::memory_bytes(level_of(choice));
    case Codec::Snappy:
      return Snappy::memory_bytes();
    case Codec::Lz4:
      return Lz4::memory_bytes(level_of(choice));
    case Codec::Zstd:
      return Zstd::memory_bytes(level_of(choice), input_max);
    case Codec::None:
      break;
  }
  return 0;
}

std::size_t unpack(Codec codec, std::span<const std::byte> in, std::span<std::byte> out) noexcept {
  switch (codec) {
    case Codec::Gzip:
      return unpack_gzip(in, out);
    case Codec::Snappy:
      return unpack_snappy(in, out);
    case Codec::Lz4:
      return unpack_lz4(in, out);
    case Codec::Zstd: {
      const std::size_t size = ZSTD_decompress(out.data(), out.size(), in.data(), in.size());
      return ZSTD_isError(size) ? 0 : size;
    }
    case Codec::None:
      break;
  }
  return 0;
}

}  // namespace spillway::wire
