#include "wire/frame.h"

namespace spillway::wire {

bool read_request_header(Reader& in, RequestHeader& header) noexcept {
  Reader ahead = in;
  const auto api = static_cast<ApiKey>(ahead.integer<std::int16_t>());
  const auto version = ahead.integer<std::int16_t>();
  Arena none({});
  return header.decode(in, none, header_version_request(api, version));
}

std::optional<std::int32_t> peek_correlation_id(std::span<const std::byte> frame) noexcept {
  Reader in(frame);
  const auto id = in.integer<std::int32_t>();
  if (!in.ok()) return std::nullopt;
  return id;
}

}  // namespace spillway::wire
