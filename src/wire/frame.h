// Frames: a four-byte length, a header, a message. Both sides of the connection are here.
//
//   request   | length int32 | api_key, version, correlation_id, client_id [tags] | body |
//   response  | length int32 | correlation_id [tags]                              | body |
//
// Reading starts behind the length: whoever reads the socket has checked it against its own limit.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "wire/api.h"
#include "wire/errors.h"
#include "wire/messages/api_versions.h"
#include "wire/messages/request_header.h"
#include "wire/messages/response_header.h"

namespace spillway::wire {

// A whole request frame, from the start of the writer's buffer; false on overflow. Spliced records
// count into the length.
template <typename Request>
bool write_request(Writer& out, const Request& request, std::int16_t version,
                   std::int32_t correlation_id,
                   std::optional<std::string_view> client_id) noexcept {
  const auto api = static_cast<ApiKey>(Request::kApiKey);
  const RequestHeader header{Request::kApiKey, version, correlation_id, client_id};
  out.frame_begin();
  header.encode(out, header_version_request(api, version));
  request.encode(out, version);
  out.frame_end();
  return out.ok();
}

// A whole response frame; false on overflow.
template <typename Response>
bool write_response(Writer& out, const Response& response, std::int16_t version,
                    std::int32_t correlation_id) noexcept {
  const auto api = static_cast<ApiKey>(Response::kApiKey);
  out.frame_begin();
  ResponseHeader{correlation_id}.encode(out, header_version_response(api, version));
  response.encode(out, version);
  out.frame_end();
  return out.ok();
}

// The header of a request; its api and version say how to go on with the same reader. Headers of
// APIs we do not know are read as v1, which is a prefix of v2.
bool read_request_header(Reader& in, RequestHeader& header) noexcept;

// The correlation id of a response, for finding out what it answers. Every header version starts
// with it.
[[nodiscard]] std::optional<std::int32_t> peek_correlation_id(
    std::span<const std::byte> frame) noexcept;

// A whole response to a request of `version`; every byte must be used. Views in `response` point
// into the frame, arrays into the arena. A broker that does not know our ApiVersions answers in v0
// with UNSUPPORTED_VERSION.
template <typename Response>
[[nodiscard]] DecodeError read_response(std::span<const std::byte> frame, Arena& arena,
                                        std::int16_t version, Response& response) noexcept {
  const auto api = static_cast<ApiKey>(Response::kApiKey);
  Reader in(frame);
  ResponseHeader header;
  Arena none({});
  if (!header.decode(in, none, header_version_response(api, version))) return in.error();
  if constexpr (Response::kApiKey == ApiVersionsResponse::kApiKey) {
    Reader ahead = in;
    if (static_cast<ErrorCode>(ahead.integer<std::int16_t>()) == ErrorCode::kUnsupportedVersion)
      version = 0;
  }
  if (response.decode(in, arena, version)) in.finish();
  return in.error();
}

}  // namespace spillway::wire
