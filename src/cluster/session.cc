#include "cluster/session.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.h"

namespace spillway {
namespace {

constexpr std::size_t kGatherMax = 256;  // pieces of one write: about a megabyte

Batch* batch_of(const wire::Splice& splice) noexcept {
  return std::bit_cast<Batch*>(splice.token);
}

const char* sentence_for_first_bytes(const std::byte* bytes) noexcept {
  if (std::memcmp(bytes, "HTTP", 4) == 0)
    return "it answers in HTTP: is this the address of a web server?";
  if (bytes[0] == std::byte{0x15} && bytes[1] == std::byte{0x03})
    return "it answers with a TLS alert: this listener expects TLS";
  return "it announces a frame of impossible size: is this a Kafka listener?";
}

}  // namespace

void Session::connecting(ConnectionId id) noexcept {
  state_ = State::Connecting;
  connection_ = id;
  versions_.fill(-1);
  end_frame();
  answers = false;
  reauthenticate_at = login_ends = kNever;
  filled_ = consumed_ = 0;
  into_ = memory_->receive;
}

void Session::down() noexcept {
  SPILL_CHECK(in_flight_count_ == 0,
              "requests in flight are taken back before the connection is forgotten");
  state_ = State::Down;
  connection_ = ConnectionId{};
  end_frame();
  sasl.forget();
}

void Session::end_frame() noexcept {
  frame_size_ = 0;
  if (holds_secret_) OPENSSL_cleanse(memory_->send.data(), buffer_size_);
  holds_secret_ = false;
}

void Session::learn(const wire::ApiVersionsResponse& response) noexcept {
  transaction_version = 0;
  for (const auto& feature : response.finalized_features) {
    if (feature.name == "transaction.version") transaction_version = feature.max_version_level;
  }
  for (const auto& api : response.api_keys) {
    if (api.api_key < 0 || static_cast<std::size_t>(api.api_key) >= kApisMax) continue;
    const auto picked = wire::pick_version(static_cast<wire::ApiKey>(api.api_key), api.min_version,
                                           api.max_version);
    versions_[static_cast<std::size_t>(api.api_key)] = picked.value_or(-1);
  }
}

std::int16_t Session::version(wire::ApiKey api) const noexcept {
  return versions_[static_cast<std::size_t>(api)];
}

void Session::register_request(wire::ApiKey api, std::int16_t version, MonoTime now) noexcept {
  at(in_flight_count_) = {api, version, next_correlation_, now, nullptr, true};
  ++in_flight_count_;
  next_correlation_ = (next_correlation_ + 1) & 0x7fffffff;
}

InFlight Session::pop_oldest() noexcept {
  const InFlight request = requests_[in_flight_begin_];
  in_flight_begin_ = (in_flight_begin_ + 1) % kInFlightMax;
  --in_flight_count_;
  return request;
}

bool Session::flush(Transport& transport) noexcept {
  while (frame_size_ != 0) {
    std::array<iovec, kGatherMax> pieces;
    const std::size_t count = gather(pieces);
    std::size_t offered = 0;
    for (std::size_t i = 0; i < count; ++i) offered += pieces[i].iov_len;
    const std::size_t taken = transport.write(connection_, {pieces.data(), count});
    written_ += taken;
    if (written_ == frame_size_) end_frame();
    if (taken < offered) return false;
  }
  return true;
}

// The frame is the buffer with the batches spliced in at their positions.
std::size_t Session::gather(std::span<iovec> out) const noexcept {
  std::size_t used = 0;
  std::size_t skip = written_;
  std::size_t begin = 0;  // in the buffer
  const auto add_buffer = [&](std::size_t end) {
    const std::size_t size = end - begin;
    if (skip < size) {
      out[used++] = {memory_->send.data() + begin + skip, size - skip};
      skip = 0;
    } else {
      skip -= size;
    }
    begin = end;
  };
  for (std::size_t i = 0; i < splice_count_ && used < out.size(); ++i) {
    const wire::Splice& splice = memory_->splices[i];
    add_buffer(splice.position);
    if (skip >= splice.size) {
      skip -= splice.size;
      continue;
    }
    if (used == out.size()) return used;
    std::size_t taken = batch_of(splice)->gather(skip, out.subspan(used));
    std::size_t bytes = skip;
    for (; taken > 0; --taken) bytes += out[used++].iov_len;
    skip = 0;
    if (bytes < splice.size) return used;  // out is full in the middle of a batch
  }
  if (used < out.size()) add_buffer(buffer_size_);
  return used;
}

void Session::drop_consumed() noexcept {
  if (consumed_ == 0) return;
  std::memmove(into_.data(), into_.data() + consumed_, filled_ - consumed_);
  filled_ -= consumed_;
  consumed_ = 0;
}

Session::Read Session::judge_size(std::size_t size, LargeBuffer& large, const char*& why) noexcept {
  if (size < 4 || size + 4 > std::max(large.bytes.size(), memory_->receive.size())) {
    why = sentence_for_first_bytes(into_.data());
    return Read::Broken;
  }
  if (size + 4 <= into_.size()) return Read::Nothing;
  if (large.owner != nullptr) {
    why = "two answers at once need the one large receive buffer";
    return Read::Broken;
  }
  large.owner = this;
  std::memcpy(large.bytes.data(), into_.data(), filled_);
  into_ = large.bytes.first(size + 4);  // not a byte of the next frame
  return Read::Nothing;
}

// Frame: a whole one lies at the front of the buffer.
Session::Read Session::look(LargeBuffer& large, std::span<const std::byte>& frame,
                            const char*& why) noexcept {
  if (filled_ < 4) return Read::Nothing;
  const auto size = static_cast<std::size_t>(wire::load_big_endian<std::uint32_t>(into_.data()));
  if (judge_size(size, large, why) == Read::Broken) return Read::Broken;
  if (filled_ < size + 4) return Read::Nothing;
  frame = std::span<const std::byte>(into_).subspan(4, size);
  consumed_ = size + 4;
  return Read::Frame;
}

Session::Read Session::read_frame(Transport& transport, LargeBuffer& large,
                                  std::span<const std::byte>& frame, const char*& why) noexcept {
  drop_consumed();
  if (large.owner == this && filled_ == 0) {
    large.owner = nullptr;
    into_ = memory_->receive;
  }
  for (;;) {  // ends when the connection has no more bytes: each turn reads some
    const Read seen = look(large, frame, why);
    if (seen != Read::Nothing) return seen;
    const std::size_t got = transport.read(connection_, into_.subspan(filled_));
    if (got == 0) return Read::Nothing;
    filled_ += got;
  }
}

}  // namespace spillway
