// The protocol's error codes that the dev broker answers with.
#pragma once

#include <cstdint>

namespace spillway::dev {

enum class KafkaError : std::int16_t {
  None = 0,
  OffsetOutOfRange = 1,
  CorruptMessage = 2,
  UnknownTopicOrPartition = 3,
  LeaderNotAvailable = 5,
  NotLeaderOrFollower = 6,
  RequestTimedOut = 7,
  MessageTooLarge = 10,
  CoordinatorNotAvailable = 15,
  InvalidTopic = 17,
  NotEnoughReplicas = 19,
  NotEnoughReplicasAfterAppend = 20,
  InvalidRequiredAcks = 21,
  UnsupportedVersion = 35,
  TopicAlreadyExists = 36,
  InvalidPartitions = 37,
  InvalidReplicationFactor = 38,
  InvalidRequest = 42,
  PolicyViolation = 44,
  OutOfOrderSequenceNumber = 45,
  InvalidProducerEpoch = 47,
  KafkaStorageError = 56,
  UnknownProducerId = 59,
  InvalidRecord = 87,
  ThrottlingQuotaExceeded = 89,
  UnknownTopicId = 100,
};

}  // namespace spillway::dev
