// What a transaction commits besides records: how far a consumer has read (KIP-98, KIP-447).
#pragma once

#include <cstdint>
#include <string>

namespace spillway {

// The consumer whose offsets these are, as its client library tells it. A group that assigns
// partitions by hand has only an id.
struct GroupMetadata {
  std::string group_id;
  std::int32_t generation = -1;
  std::string member_id;
  std::string group_instance_id;  // empty: a dynamic member
  bool operator==(const GroupMetadata&) const = default;
};

struct CommittedOffset {
  std::string topic;
  std::int32_t partition = 0;
  std::int64_t offset = 0;  // of the next record to read
  std::int32_t leader_epoch = -1;
  std::string metadata;
  bool operator==(const CommittedOffset&) const = default;
};

}  // namespace spillway
