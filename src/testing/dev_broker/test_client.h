// For the dev broker's own tests: batches, requests to a node without sockets, and a blocking
// client with one.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "testing/dev_broker/listener.h"
#include "testing/dev_broker/node.h"
#include "wire/frame.h"
#include "wire/messages/produce.h"
#include "wire/record_batch.h"

namespace spillway::dev {

struct BatchSpec {
  std::vector<std::string> values;
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = -1;
  std::int32_t base_sequence = -1;
  std::int64_t timestamp_ms = 1'000;  // of the first record; the others follow ms by ms
};

// A sound batch; tests break it afterwards. `fix_crc` after a change makes only the change count.
[[nodiscard]] std::vector<std::byte> make_batch(const BatchSpec& spec);
void fix_crc(std::vector<std::byte>& batch);

// A whole frame. Views in `request` must live.
template <typename Request>
[[nodiscard]] std::vector<std::byte> make_frame(const Request& request, std::int16_t version,
                                                std::int32_t correlation_id = 7) {
  constexpr std::size_t kFrameBytesMax = std::size_t{16} << 20;
  for (std::size_t size = 4096; size <= kFrameBytesMax; size *= 4) {
    std::vector<std::byte> buffer(size);
    wire::Writer out(buffer);
    if (!wire::write_request(out, request, version, correlation_id, "test")) continue;
    buffer.resize(out.size());
    return buffer;
  }
  return {};
}

// An answer and the memory its views point into.
template <typename Response>
struct Decoded {
  std::vector<std::byte> frame;
  std::vector<std::byte> arena;
  Response message;
  const char* problem = nullptr;
};

// `frame` with its length in front.
template <typename Response>
[[nodiscard]] Decoded<Response> decode_answer(std::span<const std::byte> frame,
                                              std::int16_t version) {
  Decoded<Response> out{{frame.begin(), frame.end()}, std::vector<std::byte>(1 << 16), {}, nullptr};
  if (out.frame.size() < 4) {
    out.problem = "no answer";
    return out;
  }
  wire::Arena arena(out.arena);
  out.problem = wire::read_response(std::span<const std::byte>(out.frame).subspan(4), arena,
                                    version, out.message)
                    .what;
  return out;
}

// One partition, one batch.
struct ProduceCall {
  std::string topic = "t";
  std::int32_t partition = 0;
  std::int16_t acks = -1;
  std::int16_t version = 12;
  std::vector<std::byte> batch;
};
[[nodiscard]] std::vector<std::byte> make_produce_frame(const ProduceCall& call);

// A blocking client whose calls give up after kPatience.
class TestClient {
 public:
  static constexpr std::chrono::seconds kPatience{5};

  explicit TestClient(std::uint16_t port);

  [[nodiscard]] bool is_connected() const noexcept { return fd_.is_open(); }
  bool send(std::span<const std::byte> bytes);
  // A frame with its length; empty when the broker closed or stayed silent. `got` counts what came
  // of it.
  [[nodiscard]] std::vector<std::byte> receive(std::chrono::milliseconds patience = kPatience);
  // The connection ended within the patience; whatever comes before that is thrown away.
  [[nodiscard]] bool is_closed_by_peer(std::chrono::milliseconds patience = kPatience);

  template <typename Response, typename Request>
  [[nodiscard]] Decoded<Response> call(const Request& request, std::int16_t version) {
    send(make_frame(request, version));
    return decode_answer<Response>(receive(), version);
  }
  [[nodiscard]] Decoded<wire::ProduceResponse> produce(const ProduceCall& one) {
    send(make_produce_frame(one));
    return decode_answer<wire::ProduceResponse>(receive(), one.version);
  }

 private:
  [[nodiscard]] std::optional<std::size_t> read_some(std::span<std::byte> into,
                                                     std::chrono::milliseconds patience);
  FileDescriptor fd_;
};

}  // namespace spillway::dev
