// Transactions: what a transaction coordinator remembers and how it answers. Source: KIP-98,
// KIP-360, KIP-890, and Kafka's TransactionCoordinator as it behaves in 4.x.
//
//   Empty ─first partition or group─► Ongoing ─EndTxn─► Preparing ─markers written─► Complete
//     Complete begins again like Empty; with v2 every end has an epoch of its own.
//
// One table for the cluster; which node may be asked for it is the cluster's to say.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "wire/errors.h"

namespace spillway::dev {

using KafkaError = wire::ErrorCode;
using PartitionName = std::pair<std::string, std::int32_t>;
using GroupOffsets = std::map<PartitionName, std::int64_t>;

// Who a request says it is from.
struct Claim {
  std::string_view transactional_id;
  std::int64_t producer_id = -1;
  std::int16_t epoch = -1;
};

struct Transaction {
  enum class Phase : std::uint8_t { Empty, Ongoing, Preparing, Complete };

  std::int64_t producer_id = -1;
  std::int16_t epoch = -1;
  std::int16_t last_epoch = -1;  // before the newest bump, if its producer may not know that one
  Phase phase = Phase::Empty;
  bool committed = false;  // Preparing and Complete: which way it ended
  bool v2 = false;         // it last ended as KIP-890 has it
  std::chrono::milliseconds timeout{60'000};
  MonoTime begun{};
  MonoTime complete_at{};  // Preparing: its markers are not written before
  std::set<PartitionName> partitions;
  std::map<std::string, GroupOffsets> offsets;  // by group
};

// Not thread-safe.
class Transactions {
 public:
  static constexpr std::size_t kIdsMax = 1024;
  static constexpr std::size_t kPartitionsMax = 10'000;  // of one transaction, offsets too
  static constexpr std::chrono::minutes kTimeoutMax{15};

  struct Identity {
    KafkaError error = KafkaError::kNone;
    std::int64_t producer_id = -1;
    std::int16_t epoch = -1;
  };

  // How long an ended transaction waits for its markers: CONCURRENT_TRANSACTIONS until then.
  void set_end_delay(std::chrono::milliseconds delay) noexcept { end_delay_ = delay; }

  // `claim` without a producer: whoever held the id is fenced. With one: a new epoch for it.
  Identity init(const Claim& claim, std::chrono::milliseconds timeout, std::int64_t fresh_id,
                MonoTime now);
  KafkaError add_partition(const Claim& claim, const PartitionName& partition, MonoTime now);
  KafkaError add_group(const Claim& claim, std::string_view group, MonoTime now);
  KafkaError add_offset(const Claim& claim, bool v2, std::string_view group,
                        const PartitionName& partition, std::int64_t offset, MonoTime now);
  Identity end(const Claim& claim, bool commit, bool v2, MonoTime now);
  // Whether a batch may be appended. With v2 that adds its partition.
  KafkaError admit(const Claim& claim, const PartitionName& partition, bool v2, MonoTime now);

  // Aborts what is open for too long, then hands every transaction whose end is due to
  // `write_markers`. False from it: later.
  using WriteMarkers = std::function<bool(const Transaction&)>;
  void tick(MonoTime now, const WriteMarkers& write_markers);

 private:
  [[nodiscard]] Transaction* find(std::string_view id);
  [[nodiscard]] KafkaError check(const Transaction* transaction, const Claim& claim) const;
  KafkaError begin(Transaction* transaction, const Claim& claim, MonoTime now);
  void prepare(Transaction& transaction, bool commit, MonoTime now);
  Identity end_again(Transaction& transaction, const Claim& claim, bool commit, MonoTime now);

  std::map<std::string, Transaction, std::less<>> all_;
  std::chrono::milliseconds end_delay_{0};
};

}  // namespace spillway::dev
