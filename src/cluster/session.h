// One connection to one broker: connect, agree on versions, send frames, pair answers with
// requests. It knows nothing of what the answers mean: that is the engine's.
//
//   Down --connect--> Connecting --connected--> Negotiating --ApiVersions answered--> Ready
//    ^                                               |                               |   ^
//    |                                               +--with SASL--> Authenticating -+   |
//    +---- from anywhere: closed, timed out, nonsense         Reauthenticating <---------+ KIP-368
//
// Bounds: one outgoing frame at a time, kInFlightMax requests without an answer, a frame of at most
// the large buffer. I/O thread only.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "base/clock.h"
#include "cluster/batch.h"
#include "cluster/partition.h"
#include "cluster/sasl.h"
#include "net/transport.h"
#include "wire/frame.h"

namespace spillway {

// A request that waits for its answer.
struct InFlight {
  wire::ApiKey api{};
  std::int16_t version = 0;
  std::int32_t correlation = 0;
  MonoTime sent{};
  Batch* batches = nullptr;  // of a produce request, chained by Batch::next
  bool expects_answer = true;
};

// Shared by all sessions: where an answer goes that is too large for a session's own buffer.
struct LargeBuffer {
  std::span<std::byte> bytes;
  const void* owner = nullptr;
};

class Session {
 public:
  enum class State : std::uint8_t {
    Down,
    Connecting,
    Negotiating,
    Authenticating,
    Ready,
    Reauthenticating,  // what is in flight is waited for, nothing new goes out
  };
  static constexpr std::size_t kInFlightMax = 16;
  static constexpr std::size_t kSplicesMax = 256;
  static constexpr std::size_t kReceiveBytes = 16 * kKiB;
  static constexpr std::size_t kSendBytes = 8 * kKiB;

  struct Memory {
    std::array<std::byte, kReceiveBytes> receive;
    std::array<std::byte, kSendBytes> send;
    std::array<wire::Splice, kSplicesMax> splices;
  };

  void use(Memory& memory) noexcept { memory_ = &memory; }

  // --- connection
  void connecting(ConnectionId id) noexcept;
  void connected() noexcept { state_ = State::Negotiating; }
  void authenticating() noexcept {
    state_ = is_up() ? State::Reauthenticating : State::Authenticating;
  }
  void ready() noexcept { state_ = State::Ready; }
  // Forgets the connection. The caller has taken the requests in flight.
  void down() noexcept;
  [[nodiscard]] State state() const noexcept { return state_; }
  [[nodiscard]] bool is_ready() const noexcept { return state_ == State::Ready; }
  // Was ready, and will be again unless the connection is lost.
  [[nodiscard]] bool is_up() const noexcept { return state_ >= State::Ready; }
  // Not: the last attempts to connect have failed.
  [[nodiscard]] bool reachable() const noexcept { return state_ != State::Down || failures == 0; }
  [[nodiscard]] ConnectionId connection() const noexcept { return connection_; }

  // --- versions
  // Takes the broker's ranges; none in common for an API leaves it unusable.
  void learn(const wire::ApiVersionsResponse& response) noexcept;
  // -1: the broker and we have no version in common.
  [[nodiscard]] std::int16_t version(wire::ApiKey api) const noexcept;

  // --- sending
  [[nodiscard]] bool can_start_frame() const noexcept {
    return frame_size_ == 0 && in_flight_count_ < kInFlightMax;
  }
  [[nodiscard]] std::size_t in_flight() const noexcept { return in_flight_count_; }
  // Writes a request into the buffer and registers it; false if it does not fit (nothing is
  // registered). Splice tokens are Batch pointers.
  template <typename Request>
  [[nodiscard]] bool start(const Request& request, std::int16_t version, std::string_view client_id,
                           MonoTime now) noexcept {
    wire::Writer out(memory_->send, memory_->splices);
    if (!wire::write_request(out, request, version, next_correlation_, client_id)) return false;
    frame_size_ = out.total_size();
    buffer_size_ = out.size();
    splice_count_ = out.splices().size();
    written_ = 0;
    register_request(static_cast<wire::ApiKey>(Request::kApiKey), version, now);
    return true;
  }
  [[nodiscard]] InFlight& newest() noexcept { return at(in_flight_count_ - 1); }
  // The frame in the buffer holds a secret: it is wiped when it is out or never will be.
  void wipe_after_send() noexcept { holds_secret_ = true; }
  // Offers what is left of the frame to the connection. True: the frame is out.
  bool flush(Transport& transport) noexcept;
  [[nodiscard]] bool sending() const noexcept { return frame_size_ != 0; }

  // --- receiving
  enum class Read : std::uint8_t { Nothing, Frame, Broken };
  // One frame without its length, valid until the next call. Broken: `why` is a sentence.
  Read read_frame(Transport& transport, LargeBuffer& large, std::span<const std::byte>& frame,
                  const char*& why) noexcept;
  [[nodiscard]] bool any_in_flight() const noexcept { return in_flight_count_ > 0; }
  [[nodiscard]] const InFlight& oldest() const noexcept { return requests_[in_flight_begin_]; }
  InFlight pop_oldest() noexcept;
  // A broker that throttles us hears nothing until then, and answers nothing either (KIP-219).
  [[nodiscard]] MonoTime answer_due(MonoDuration patience) const noexcept {
    return std::max(oldest().sent, silent_until) + patience;
  }

  // --- facts that the engine keeps here
  Endpoint endpoint;
  std::int32_t node_id = -1;
  std::int16_t transaction_version = 0;  // the finalized feature (KIP-890)
  bool named = false;                    // the slot belongs to a broker
  bool listed = false;                   // in the newest metadata
  bool near = false;                     // in Options::client_rack
  PartitionList ready_list;              // partitions that this broker leads and that can go now
  MonoTime retry_at{};
  MonoTime silent_until{};  // KIP-219
  std::uint16_t failures = 0;
  bool answers = false;  // it has answered a request that is not about logging in
  SaslExchange sasl;
  MonoTime reauthenticate_at = kNever;
  MonoTime login_ends = kNever;  // behind it the broker hangs up on any other request

 private:
  InFlight& at(std::size_t index) noexcept {
    return requests_[(in_flight_begin_ + index) % kInFlightMax];
  }
  void register_request(wire::ApiKey api, std::int16_t version, MonoTime now) noexcept;
  [[nodiscard]] std::size_t gather(std::span<iovec> out) const noexcept;
  void end_frame() noexcept;
  void drop_consumed() noexcept;
  Read look(LargeBuffer& large, std::span<const std::byte>& frame, const char*& why) noexcept;
  Read judge_size(std::size_t size, LargeBuffer& large, const char*& why) noexcept;

  static constexpr std::size_t kApisMax = 80;  // api keys that we care about lie below

  Memory* memory_ = nullptr;
  State state_ = State::Down;
  ConnectionId connection_{};
  std::array<std::int16_t, kApisMax> versions_{};

  std::size_t frame_size_ = 0;   // 0: nothing is going out
  std::size_t buffer_size_ = 0;  // of it in memory_->send
  std::size_t splice_count_ = 0;
  std::size_t written_ = 0;
  bool holds_secret_ = false;
  std::int32_t next_correlation_ = 1;

  std::array<InFlight, kInFlightMax> requests_;
  std::size_t in_flight_begin_ = 0;
  std::size_t in_flight_count_ = 0;

  std::span<std::byte> into_;  // memory_->receive or the large buffer
  std::size_t filled_ = 0;
  std::size_t consumed_ = 0;  // the frame handed out last
};

}  // namespace spillway
