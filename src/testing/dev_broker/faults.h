// Faults: what goes wrong, when, and how often. A test adds rules; the broker asks before and after
// it handles.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/api.h"
#include "wire/errors.h"

namespace spillway::dev {

using wire::ApiKey;
using KafkaError = wire::ErrorCode;

enum class FaultKind : std::uint8_t {
  // Per partition where the API has partitions, else for the whole answer.
  Error,             // answer `error`, do nothing
  ErrorAfterAppend,  // do it, then answer `error`: persisted, but the client is told otherwise
  // Per request.
  CloseBefore,    // disconnect, nothing done
  CloseAfter,     // do it, then disconnect: the answer is lost
  HalfAnswer,     // do it, send the first half of the answer, disconnect
  NoAnswer,       // do it, then never answer on this connection again
  SwallowBefore,  // do nothing and never answer on this connection again
  Delay,     // the answer leaves `delay` later; later answers of the connection queue behind it
  Throttle,  // the answer carries throttle_time_ms = `delay`
};

// Which requests, how often, what. Unset fields match everything.
struct FaultRule {
  static constexpr std::uint64_t kForever = ~std::uint64_t{0};

  FaultKind kind = FaultKind::Error;
  std::optional<ApiKey> api = std::nullopt;
  std::optional<std::int32_t> node = std::nullopt;
  std::optional<std::string> topic = std::nullopt;
  std::optional<std::int32_t> partition = std::nullopt;
  // The first `skip` matches pass, the next `times` are hit, each with `probability`. A match
  // spared by chance uses up nothing.
  std::uint64_t skip = 0;
  std::uint64_t times = 1;
  double probability = 1.0;
  KafkaError error = KafkaError::kNotEnoughReplicas;
  std::chrono::milliseconds delay{0};
};

enum class FaultId : std::uint64_t {};

// What the rules add up to for one request.
struct FaultPlan {
  bool close_before = false;
  bool close_after = false;
  bool half_answer = false;
  bool no_answer = false;
  bool swallow = false;
  std::optional<KafkaError> error;
  std::optional<KafkaError> error_after_append;
  std::chrono::milliseconds delay{0};
  std::chrono::milliseconds throttle{0};

  void add(const FaultRule& rule);
};

// One request or, when `topic` is set, one of its partitions.
struct FaultSubject {
  ApiKey api;
  std::int32_t node;
  std::optional<std::string_view> topic = std::nullopt;
  std::int32_t partition = -1;
};

// Thread-safe. Same seed, same rules and same requests give the same faults.
class Faults {
 public:
  static constexpr std::size_t kRulesMax = 256;

  explicit Faults(std::uint64_t seed) : random_(seed) {}

  // Rules of one request add up. More than kRulesMax live rules is a bug of the test.
  FaultId add(FaultRule rule);
  void remove(FaultId id);
  void clear();
  // How often the rule has struck.
  [[nodiscard]] std::uint64_t hits(FaultId id) const;

  // For the broker. Adds every rule that strikes `subject` to `plan`: rules with a topic or a
  // partition strike partitions, those without strike requests; an Error rule without a topic
  // strikes each partition of an API that has them.
  void apply(const FaultSubject& subject, FaultPlan& plan);

 private:
  struct Entry {
    FaultId id;
    FaultRule rule;
    std::uint64_t hits = 0;
  };
  [[nodiscard]] bool strikes(Entry& entry);
  [[nodiscard]] double uniform() noexcept;

  mutable std::mutex mutex_;
  std::vector<Entry> entries_;  // guarded by mutex_, as all below; spent rules stay for hits()
  std::uint64_t next_id_ = 1;
  std::uint64_t random_;
};

}  // namespace spillway::dev
