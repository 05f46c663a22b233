// One blocking connection to one broker that leads every partition of the topic: InitProducerId v1
// and Produce v7 with one partition a request, in the bytes of the protocol guide. Written apart
// from src/wire, so that the floor does not move when what is measured against it moves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace spillway::bench {

struct ProducerIdentity {
  std::int64_t id = -1;
  std::int16_t epoch = -1;
};

class BrokerLink {
 public:
  // Ends the process with one sentence if there is no such broker.
  explicit BrokerLink(const std::string& bootstrap);
  BrokerLink(const BrokerLink&) = delete;
  BrokerLink& operator=(const BrokerLink&) = delete;
  ~BrokerLink();

  ProducerIdentity init_producer_id();
  void write(std::span<const char> bytes);
  // Whether a response can be read by then (monotonic ns; 0: now).
  [[nodiscard]] bool readable_by(std::uint64_t mono) const;
  // Reads one whole response frame, blocking. Valid until the next call.
  std::span<const char> response();

 private:
  static constexpr std::size_t kResponseMax = 4096;  // one topic, one partition

  int socket_;
  char response_[kResponseMax];
};

// Big-endian stores and loads at a place.
template <typename Integer>
void put(char* at, Integer value) noexcept {
  using Unsigned = std::make_unsigned_t<Integer>;
  auto bits = static_cast<Unsigned>(value);
  for (std::size_t i = sizeof bits; i-- > 0;) {
    at[i] = static_cast<char>(bits & 0xFF);
    bits = static_cast<Unsigned>(static_cast<std::uint64_t>(bits) >> 8);
  }
}

template <typename Integer>
[[nodiscard]] Integer get(const char* at) noexcept {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < sizeof(Integer); ++i)
    bits = bits << 8 | static_cast<unsigned char>(at[i]);
  return static_cast<Integer>(bits);
}

}  // namespace spillway::bench
