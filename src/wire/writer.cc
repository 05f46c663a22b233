#include "wire/writer.h"

namespace spillway::wire {

void Writer::records(const Records& value, bool flexible) noexcept {
  if (value.is_null()) return null32(flexible);
  length32(value.size(), flexible);
  if (!value.is_spliced()) return raw(value.bytes().data(), value.size());
  if (!ok_ || splice_count_ == splices_.size()) return fail();
  splices_[splice_count_++] = {size_, value.size(), value.token()};
  spliced_size_ += value.size();
}

void Writer::tag_end(std::size_t body_begin) noexcept {
  if (!ok_) return;
  SPILL_CHECK(splice_count_ == 0 || splices_[splice_count_ - 1].position < body_begin + 1,
              "no tagged field of the protocol holds records");
  const std::size_t body_size = size_ - body_begin;
  const auto length = static_cast<std::uint32_t>(body_size);
  const std::size_t length_size = unsigned_varint_size(length);
  if (claim(length_size) == nullptr) return;
  std::byte* body = buffer_.data() + body_begin;
  std::memmove(body + length_size, body, body_size);
  write_unsigned_varint(body, length);
}

void Writer::frame_end() noexcept {
  if (!ok_) return;
  const std::size_t body_size = total_size() - sizeof(std::int32_t);
  if (body_size > kLengthMax) return fail();
  store_big_endian(buffer_.data(), static_cast<std::int32_t>(body_size));
}

}  // namespace spillway::wire
