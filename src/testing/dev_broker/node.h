// Node: one broker of the cluster as a function from request frames to answers. No socket, no
// clock, no thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "testing/dev_broker/context.h"

namespace spillway::dev {

struct Outcome {
  enum class Kind : std::uint8_t {
    Answer,    // send `answer` at `send_at`, then close if `close_after`
    NoAnswer,  // acks=0: go on
    Park,      // call `resume` at `wake_at`, or earlier when something was appended
    Mute,      // go on reading, never answer on this connection again
    Close,     // send what is due, then close
  };

  Kind kind = Kind::Close;
  std::span<const std::byte> answer = {};  // a whole frame; valid until the next call on this node
  bool close_after = false;
  MonoTime send_at{};
  MonoTime wake_at = kNever;
};

// A request waiting in Park: its plan of faults is drawn once.
struct Parked {
  MonoTime arrived{};
  FaultPlan plan;
};

// Not thread-safe. Keeps references to the cluster and the faults.
class Node {
 public:
  // A request that decodes to more, or has a larger answer, closes its connection.
  static constexpr std::size_t kArenaBytes = std::size_t{32} << 20;
  static constexpr std::size_t kAnswerBytesMax = std::size_t{64} << 20;

  Node(std::int32_t id, DevCluster& cluster, Faults& faults, const VersionCaps& caps);

  // `frame` starts behind its length. Any bytes are allowed; what is no request for us closes.
  // `login` is the connection's: what it says decides what may be asked.
  Outcome handle_request(std::span<const std::byte> frame, Now now, Login& login, Parked& parked);
  // The same frame again after Park.
  Outcome resume(std::span<const std::byte> frame, Now now, Login& login, Parked& parked);

  [[nodiscard]] std::int32_t id() const noexcept { return id_; }

 private:
  struct Header {
    ApiKey api;
    std::int16_t version;
    std::int32_t correlation_id;
  };

  Outcome run(std::span<const std::byte> frame, Now now, Login& login, Parked& parked,
              bool is_retry);
  Outcome dispatch(wire::Reader& in, const Header& header, Context& context);
  Outcome refuse_version(const Header& header, Context& context);
  template <typename Request, typename Response>
  Outcome serve(wire::Reader& in, const Header& header, Context& context);
  template <typename Response>
  Outcome encode(const Header& header, Context& context, const Response& response);

  std::int32_t id_;
  DevCluster& cluster_;
  Faults& faults_;
  VersionCaps caps_;
  // Uninitialised: only the pages that a request needs become memory.
  std::unique_ptr<std::byte[]> arena_bytes_;
  std::vector<std::byte> scratch_;
  std::vector<std::byte> answer_;
};

}  // namespace spillway::dev
