#include "probe/open_batch.h"

#include <cstring>

#include "base/clock.h"
#include "base/crc32c.h"

namespace spillway::bench {
namespace {

constexpr std::size_t kRecordOverhead = 64;  // varints of a record without headers, generously

char* put_varint(char* at, std::int64_t value) noexcept {
  auto bits = static_cast<std::uint64_t>((value << 1) ^ (value >> 63));
  for (; bits >= 0x80; bits >>= 7) *at++ = static_cast<char>(bits | 0x80);
  *at++ = static_cast<char>(bits);
  return at;
}

std::size_t varint_size(std::int64_t value) noexcept {
  const auto bits = static_cast<std::uint64_t>((value << 1) ^ (value >> 63));
  return static_cast<std::size_t>(std::bit_width(bits | 1) + 6) / 7;
}

char* put_bytes(char* at, std::string_view bytes) noexcept {
  at = put_varint(at, static_cast<std::int64_t>(bytes.size()));
  std::memcpy(at, bytes.data(), bytes.size());
  return at + bytes.size();
}

std::size_t bytes_size(std::string_view bytes) noexcept {
  return varint_size(static_cast<std::int64_t>(bytes.size())) + bytes.size();
}

// Everything of a record behind its length.
std::size_t body_size(const Item& item, std::uint64_t headers, std::int32_t offset_delta) noexcept {
  const std::size_t key = item.key.data() == nullptr ? 1 : bytes_size(item.key);
  const std::size_t header = headers * (bytes_size(kHeaderName) + bytes_size(item.header_value));
  return 2 + varint_size(offset_delta) + key + bytes_size(item.value) +
         varint_size(static_cast<std::int64_t>(headers)) + header;
}

template <typename Integer>
char* append_integer(char* at, Integer value) noexcept {
  put(at, value);
  return at + sizeof value;
}

}  // namespace

OpenBatch::OpenBatch(const std::string& topic, std::size_t bytes_max, std::uint64_t headers,
                     std::int16_t acks)
    : headers_(headers), buffer_(bytes_max + 1024) {
  char* at = buffer_.data() + 4;  // size
  at = append_integer<std::int16_t>(at, 0);
  at = append_integer<std::int16_t>(at, 7);
  at = append_integer<std::int32_t>(at, 0);   // correlation
  at = append_integer<std::int16_t>(at, -1);  // client id
  at = append_integer<std::int16_t>(at, -1);  // transactional id
  at = append_integer<std::int16_t>(at, acks);
  at = append_integer<std::int32_t>(at, 30'000);
  at = append_integer<std::int32_t>(at, 1);  // topics
  at = append_integer<std::int16_t>(at, static_cast<std::int16_t>(topic.size()));
  std::memcpy(at, topic.data(), topic.size());
  at += topic.size();
  at = append_integer<std::int32_t>(at, 1);  // partitions
  at += 8;                                   // partition, size of the records
  batch_ = static_cast<std::size_t>(at - buffer_.data());
  end_ = at + kBatchHeader;
  limit_ = at + bytes_max;
}

bool OpenBatch::append(const Item& item) noexcept {
  const std::size_t size = body_size(item, headers_, count_);
  if (end_ + size + kRecordOverhead > limit_) return false;
  char* at = put_varint(end_, static_cast<std::int64_t>(size));
  *at++ = 0;  // attributes
  *at++ = 0;  // timestamp delta: one time a batch
  at = put_varint(at, count_);
  at = item.key.data() == nullptr ? put_varint(at, -1) : put_bytes(at, item.key);
  at = put_bytes(at, item.value);
  at = put_varint(at, static_cast<std::int64_t>(headers_));
  for (std::uint64_t i = 0; i < headers_; ++i)
    at = put_bytes(put_bytes(at, kHeaderName), item.header_value);
  end_ = at;
  ++count_;
  return true;
}

std::span<const char> OpenBatch::seal(std::int32_t correlation, std::int32_t partition,
                                      ProducerIdentity producer,
                                      std::int32_t base_sequence) noexcept {
  constexpr std::size_t kCrcAt = 17;
  constexpr std::size_t kCheckedFrom = 21;  // attributes: the CRC covers all from here
  char* const request = buffer_.data();
  char* const batch = request + batch_;
  const auto batch_size = static_cast<std::int32_t>(end_ - batch);
  put<std::int32_t>(request, static_cast<std::int32_t>(end_ - request - 4));
  put<std::int32_t>(request + 8, correlation);
  put<std::int32_t>(batch - 8, partition);
  put<std::int32_t>(batch - 4, batch_size);
  put<std::int64_t>(batch, 0);
  put<std::int32_t>(batch + 8, batch_size - 12);
  put<std::int32_t>(batch + 12, -1);  // leader epoch
  batch[16] = 2;                      // magic
  put<std::int16_t>(batch + 21, 0);
  put<std::int32_t>(batch + 23, count_ - 1);
  const std::int64_t now = wall_ms_coarse();
  put<std::int64_t>(batch + 27, now);
  put<std::int64_t>(batch + 35, now);
  put<std::int64_t>(batch + 43, producer.id);
  put<std::int16_t>(batch + 51, producer.epoch);
  put<std::int32_t>(batch + 53, base_sequence);
  put<std::int32_t>(batch + 57, count_);
  put<std::uint32_t>(batch + kCrcAt, crc32c(0, batch + kCheckedFrom,
                                            static_cast<std::size_t>(batch_size) - kCheckedFrom));
  const std::span<const char> bytes(request, end_);
  end_ = batch + kBatchHeader;
  count_ = 0;
  return bytes;
}

}  // namespace spillway::bench
