// Any bytes to any message decoder of any version. The first two bytes choose; the rest is the
// body. What decodes must encode, and decode again to the same bytes: else the two directions
// disagree.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/check.h"
#include "wire/messages/all.h"

namespace spillway::wire {
namespace {

constexpr std::size_t kArenaSize = 1 << 16;
// Encoding can be longer than what was decoded (tagged fields move, lengths grow), but not by much.
constexpr std::size_t kOutputSize = 1 << 20;

alignas(16) std::byte first_memory[kArenaSize];
alignas(16) std::byte second_memory[kArenaSize];
std::byte first_output[kOutputSize];
std::byte second_output[kOutputSize];

template <typename Message>
void try_message(std::span<const std::byte> body, std::int16_t version) {
  Arena arena(first_memory);
  Reader in(body);
  Message message;
  if (!message.decode(in, arena, version)) {
    SPILL_CHECK(in.error().what != nullptr && in.error().offset <= body.size(), "errors say where");
    return;
  }
  Writer out(first_output);
  message.encode(out, version);
  if (!out.ok()) return;

  Arena again_arena(second_memory);
  Reader again(out.bytes());
  Message copy;
  SPILL_CHECK(copy.decode(again, again_arena, version) && again.finish(), "what we encode decodes");
  Writer out_again(second_output);
  copy.encode(out_again, version);
  SPILL_CHECK(
      out_again.size() == out.size() && std::memcmp(first_output, second_output, out.size()) == 0,
      "encoding is stable");
}

template <typename Message>
void try_version(std::span<const std::byte> body, std::uint8_t choice) {
  constexpr int kVersions = Message::kVersionMax - Message::kVersionMin + 1;
  try_message<Message>(body, static_cast<std::int16_t>(Message::kVersionMin + choice % kVersions));
}

template <typename... Message>
void try_one_of(MessageList<Message...>, std::uint8_t which, std::uint8_t version,
                std::span<const std::byte> body) {
  std::uint8_t index = 0;
  const auto pick = [&]<typename One>(One*) {
    if (index++ == which % sizeof...(Message)) try_version<One>(body, version);
  };
  (pick(static_cast<Message*>(nullptr)), ...);
}

}  // namespace
}  // namespace spillway::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace spillway::wire;
  if (size < 2) return 0;
  const auto body = std::as_bytes(std::span(data, size)).subspan(2);
  const std::uint8_t which = data[0] & 0x7f;
  if (data[0] < 0x80) {
    try_one_of(AllResponses{}, which, data[1], body);
  } else {
    try_one_of(AllRequests{}, which, data[1], body);
  }
  return 0;
}
