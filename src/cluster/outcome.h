// What a broker's answer to a batch means. A table of decisions, no state.
#pragma once

#include <cstdint>

namespace spillway {

enum class Outcome : std::uint8_t {
  Delivered,
  Retry,        // the same bytes again
  NewEpoch,     // the broker's idea of our sequence is not ours: not in the log, start a new epoch,
                // then again (KIP-360)
  NewIdentity,  // our producer id is worth nothing any more: ask for another one, then again
  Failed,       // for good
};

struct Verdict {
  Outcome outcome;
  bool refresh_metadata;
  bool rules_out;  // the batch is certainly not in the log, whatever happened to earlier attempts
  bool raises_doubt;  // this attempt may be in the log although it was refused
};

// `behind_retry`: an earlier batch of the partition is being retried, so OUT_OF_ORDER only says
// that it is missing.
[[nodiscard]] Verdict judge(std::int16_t kafka_error, bool idempotent, bool behind_retry) noexcept;

}  // namespace spillway
