// Answers of brokers as messages.
#pragma once

#include <cstddef>
#include <span>

#include "cluster/session.h"
#include "wire/arena.h"
#include "wire/frame.h"
#include "wire/reader.h"

namespace spillway {

// Views in `response` point into the frame, arrays into the arena. Bytes behind the message are
// nobody's.
template <typename Response>
bool decode_answer(const InFlight& request, std::span<const std::byte> frame, wire::Arena& arena,
                   Response& response) {
  wire::Reader in(frame);
  wire::ResponseHeader header;
  header.decode(in, arena, wire::header_version_response(request.api, request.version));
  return response.decode(in, arena, request.version);
}

}  // namespace spillway
