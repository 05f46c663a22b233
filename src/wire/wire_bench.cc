// The per-record and per-batch costs of encoding: what the hot path of the producer pays in this
// room.
#include <benchmark/benchmark.h>

#include <array>
#include <string>
#include <string_view>

#include "base/crc32c.h"
#include "wire/record_batch.h"

namespace spillway::wire {
namespace {

struct BenchHeader {
  std::string_view name;
  std::string_view value;
};

constexpr std::size_t kBufferSize = 1 << 20;

void encode_tail(benchmark::State& state) {
  const std::string value(static_cast<std::size_t>(state.range(0)), 'v');
  const std::string key(32, 'k');
  const std::array headers{BenchHeader{"trace", "0123456789abcdef"}};
  const bool has_extras = state.range(1) != 0;
  const std::span<const BenchHeader> used(headers.data(), has_extras ? 1 : 0);
  std::string buffer(kBufferSize, '\0');
  auto* const begin = reinterpret_cast<std::byte*>(buffer.data());
  std::byte* out = begin;
  for (auto _ : state) {
    const char* key_data = has_extras ? key.data() : nullptr;
    const std::size_t size = tail_size(key_data, key.size(), value.data(), value.size(), used);
    if (size > kBufferSize - static_cast<std::size_t>(out - begin)) out = begin;
    out = write_tail(out, key_data, key.size(), value.data(), value.size(), used);
    benchmark::DoNotOptimize(out);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(encode_tail)->ArgNames({"value", "key+header"})->Args({0, 0})->Args({10, 0});
BENCHMARK(encode_tail)->ArgNames({"value", "key+header"})->Args({100, 0})->Args({100, 1});
BENCHMARK(encode_tail)->ArgNames({"value", "key+header"})->Args({1000, 0});

void encode_prefix(benchmark::State& state) {
  std::array<std::byte, kRecordPrefixSizeMax> out;
  std::int32_t offset = 0;
  for (auto _ : state) {
    offset = (offset + 1) & 0x3ff;
    benchmark::DoNotOptimize(prefix_size(104, offset >> 3, offset));
    benchmark::DoNotOptimize(write_prefix(out.data(), 104, offset >> 3, offset));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(encode_prefix);

void checksum(benchmark::State& state) {
  const std::string data(static_cast<std::size_t>(state.range(0)), 'x');
  std::uint32_t crc = 0;
  for (auto _ : state) {
    crc = crc32c(crc, data.data(), data.size());
    benchmark::DoNotOptimize(crc);
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(checksum)->Arg(40)->Arg(100)->Arg(199)->Arg(256)->Arg(1024)->Arg(16384)->Arg(1 << 20);

void fold(benchmark::State& state) {
  std::uint32_t crc = 1;
  for (auto _ : state) {
    crc = crc32c_combine(crc, 7, static_cast<std::size_t>(state.range(0)));
    benchmark::DoNotOptimize(crc);
  }
}
BENCHMARK(fold)->Arg(100)->Arg(16'300)->Arg(1'000'000)->Arg(1 << 30);

void seal_batch(benchmark::State& state) {
  std::array<std::byte, kBatchHeaderSize> out;
  BatchHeader header;
  for (auto _ : state) {
    ++header.base_sequence;
    write_batch_header(out.data(), header, 16'300, 0x12345678);
    benchmark::ClobberMemory();
  }
}
BENCHMARK(seal_batch);

}  // namespace
}  // namespace spillway::wire

BENCHMARK_MAIN();
