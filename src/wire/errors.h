// Kafka's error codes as far as they can reach a producer, its tools or a reader of its topics, and
// what each one means for the records of a produce request.
#pragma once

#include <cstdint>

namespace spillway::wire {

enum class ErrorCode : std::int16_t {
  kUnknownServerError = -1,
  kNone = 0,
  kOffsetOutOfRange = 1,
  kCorruptMessage = 2,
  kUnknownTopicOrPartition = 3,
  kInvalidFetchSize = 4,
  kLeaderNotAvailable = 5,
  kNotLeaderOrFollower = 6,
  kRequestTimedOut = 7,
  kBrokerNotAvailable = 8,
  kReplicaNotAvailable = 9,
  kMessageTooLarge = 10,
  kNetworkException = 13,
  kCoordinatorLoadInProgress = 14,
  kCoordinatorNotAvailable = 15,
  kNotCoordinator = 16,
  kInvalidTopic = 17,
  kRecordListTooLarge = 18,
  kNotEnoughReplicas = 19,
  kNotEnoughReplicasAfterAppend = 20,
  kInvalidRequiredAcks = 21,
  kIllegalGeneration = 22,
  kUnknownMemberId = 25,
  kRebalanceInProgress = 27,
  kTopicAuthorizationFailed = 29,
  kGroupAuthorizationFailed = 30,
  kClusterAuthorizationFailed = 31,
  kInvalidTimestamp = 32,
  kUnsupportedSaslMechanism = 33,
  kIllegalSaslState = 34,
  kUnsupportedVersion = 35,
  kTopicAlreadyExists = 36,
  kInvalidPartitions = 37,
  kInvalidReplicationFactor = 38,
  kInvalidReplicaAssignment = 39,
  kInvalidConfig = 40,
  kNotController = 41,
  kInvalidRequest = 42,
  kUnsupportedForMessageFormat = 43,
  kPolicyViolation = 44,
  kOutOfOrderSequenceNumber = 45,
  kDuplicateSequenceNumber = 46,
  kInvalidProducerEpoch = 47,
  kInvalidTxnState = 48,
  kInvalidProducerIdMapping = 49,
  kInvalidTransactionTimeout = 50,
  kConcurrentTransactions = 51,
  kTransactionCoordinatorFenced = 52,
  kTransactionalIdAuthorizationFailed = 53,
  kSecurityDisabled = 54,
  kOperationNotAttempted = 55,
  kKafkaStorageError = 56,
  kSaslAuthenticationFailed = 58,
  kUnknownProducerId = 59,
  kFetchSessionIdNotFound = 70,
  kInvalidFetchSessionEpoch = 71,
  kListenerNotFound = 72,
  kFencedLeaderEpoch = 74,
  kUnknownLeaderEpoch = 75,
  kUnsupportedCompressionType = 76,
  kOffsetNotAvailable = 78,
  kFencedInstanceId = 82,
  kInvalidRecord = 87,
  kThrottlingQuotaExceeded = 89,
  kProducerFenced = 90,
  kUnknownTopicId = 100,
  kInconsistentTopicId = 103,
  kTransactionalIdNotFound = 105,
  kFetchSessionTopicIdError = 106,
  kTransactionAbortable = 120,
  kRebootstrapRequired = 129,
};

// Whether the records of a refused batch may be in the log all the same.
enum class Persisted : std::uint8_t { kNot, kPossibly, kPersisted };

struct ErrorInfo {
  ErrorCode code;
  const char* name;     // as Kafka spells it
  const char* meaning;  // one clause
  bool is_retriable;    // the same bytes may succeed later
  bool needs_metadata;  // what we know of brokers, leaders or topics is out of date
  Persisted persisted;
};

// Never null. A code that is not listed comes back as a permanent error whose records may be in the
// log; its `code` is then kUnknownServerError, so print the number you have.
[[nodiscard]] const ErrorInfo& error_info(std::int16_t code) noexcept;
[[nodiscard]] const ErrorInfo& error_info(ErrorCode code) noexcept;

}  // namespace spillway::wire
