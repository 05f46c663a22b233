#include "wire/errors.h"

#include <algorithm>
#include <iterator>

namespace spillway::wire {
namespace {

constexpr bool kRetry = true;
constexpr bool kFinal = false;
constexpr bool kStale = true;
constexpr bool kFresh = false;

using enum ErrorCode;
using enum Persisted;

// Sorted by code.
// clang-format off
constexpr ErrorInfo kErrors[] = {
    {kUnknownServerError, "UNKNOWN_SERVER_ERROR",
     "the broker failed in a way it has no code for", kFinal, kFresh, kPossibly},
    {kNone, "NONE",
     "no error", kFinal, kFresh, kPersisted},
    {kOffsetOutOfRange, "OFFSET_OUT_OF_RANGE",
     "the log does not reach to the offset asked for", kFinal, kFresh, kNot},
    {kCorruptMessage, "CORRUPT_MESSAGE",
     "the batch did not match its checksum when it arrived", kRetry, kFresh, kNot},
    {kUnknownTopicOrPartition, "UNKNOWN_TOPIC_OR_PARTITION",
     "the broker does not host this topic or partition", kRetry, kStale, kNot},
    {kInvalidFetchSize, "INVALID_FETCH_SIZE",
     "the fetch size is not positive", kFinal, kFresh, kNot},
    {kLeaderNotAvailable, "LEADER_NOT_AVAILABLE",
     "the partition has no leader right now", kRetry, kStale, kNot},
    {kNotLeaderOrFollower, "NOT_LEADER_OR_FOLLOWER",
     "the partition is led by another broker", kRetry, kStale, kNot},
    {kRequestTimedOut, "REQUEST_TIMED_OUT",
     "replication did not finish within the request's timeout", kRetry, kFresh, kPossibly},
    {kBrokerNotAvailable, "BROKER_NOT_AVAILABLE",
     "the broker asked for is not there", kFinal, kFresh, kNot},
    {kReplicaNotAvailable, "REPLICA_NOT_AVAILABLE",
     "the replica asked for is not on this broker", kRetry, kStale, kNot},
    {kMessageTooLarge, "MESSAGE_TOO_LARGE",
     "the batch is larger than the topic allows", kFinal, kFresh, kNot},
    {kNetworkException, "NETWORK_EXCEPTION",
     "the connection broke before the answer came", kRetry, kStale, kPossibly},
    {kCoordinatorLoadInProgress, "COORDINATOR_LOAD_IN_PROGRESS",
     "the coordinator is still loading its state", kRetry, kFresh, kNot},
    {kCoordinatorNotAvailable, "COORDINATOR_NOT_AVAILABLE",
     "there is no coordinator yet", kRetry, kFresh, kNot},
    {kNotCoordinator, "NOT_COORDINATOR",
     "another broker is the coordinator", kRetry, kFresh, kNot},
    {kInvalidTopic, "INVALID_TOPIC_EXCEPTION",
     "the topic's name is not allowed, or the topic is internal", kFinal, kFresh, kNot},
    {kRecordListTooLarge, "RECORD_LIST_TOO_LARGE",
     "the batch is larger than a segment of the log", kFinal, kFresh, kNot},
    {kNotEnoughReplicas, "NOT_ENOUGH_REPLICAS",
     "too few replicas are in sync for the topic; nothing was written", kRetry, kFresh, kNot},
    {kNotEnoughReplicasAfterAppend, "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
     "written by the leader, but to too few replicas for the topic", kRetry, kFresh, kPossibly},
    {kInvalidRequiredAcks, "INVALID_REQUIRED_ACKS",
     "acks is none of -1, 0 and 1", kFinal, kFresh, kNot},
    {kIllegalGeneration, "ILLEGAL_GENERATION",
     "the consumer group has moved on to another generation", kFinal, kFresh, kNot},
    {kUnknownMemberId, "UNKNOWN_MEMBER_ID",
     "the consumer is not a member of the group any more", kFinal, kFresh, kNot},
    {kRebalanceInProgress, "REBALANCE_IN_PROGRESS",
     "the consumer group is being rebalanced", kFinal, kFresh, kNot},
    {kTopicAuthorizationFailed, "TOPIC_AUTHORIZATION_FAILED",
     "the client may not use this topic", kFinal, kFresh, kNot},
    {kGroupAuthorizationFailed, "GROUP_AUTHORIZATION_FAILED",
     "the client may not use this group", kFinal, kFresh, kNot},
    {kClusterAuthorizationFailed, "CLUSTER_AUTHORIZATION_FAILED",
     "the client may not do this in the cluster", kFinal, kFresh, kNot},
    {kInvalidTimestamp, "INVALID_TIMESTAMP",
     "a record's timestamp is outside of what the topic accepts", kFinal, kFresh, kNot},
    {kUnsupportedSaslMechanism, "UNSUPPORTED_SASL_MECHANISM",
     "the broker does not offer this SASL mechanism", kFinal, kFresh, kNot},
    {kIllegalSaslState, "ILLEGAL_SASL_STATE",
     "the request does not belong to this step of authentication", kFinal, kFresh, kNot},
    {kUnsupportedVersion, "UNSUPPORTED_VERSION",
     "the broker does not speak this version of the request", kFinal, kFresh, kNot},
    {kTopicAlreadyExists, "TOPIC_ALREADY_EXISTS",
     "a topic of this name exists", kFinal, kFresh, kNot},
    {kInvalidPartitions, "INVALID_PARTITIONS",
     "the number of partitions is not positive", kFinal, kFresh, kNot},
    {kInvalidReplicationFactor, "INVALID_REPLICATION_FACTOR",
     "the replication factor is not between 1 and the number of brokers", kFinal, kFresh, kNot},
    {kInvalidReplicaAssignment, "INVALID_REPLICA_ASSIGNMENT",
     "the replica assignment contradicts itself", kFinal, kFresh, kNot},
    {kInvalidConfig, "INVALID_CONFIG",
     "a configuration entry is not valid", kFinal, kFresh, kNot},
    {kNotController, "NOT_CONTROLLER",
     "another broker is the controller", kRetry, kStale, kNot},
    {kInvalidRequest, "INVALID_REQUEST",
     "the broker finds the request malformed", kFinal, kFresh, kNot},
    {kUnsupportedForMessageFormat, "UNSUPPORTED_FOR_MESSAGE_FORMAT",
     "the broker's message format is too old for this", kFinal, kFresh, kNot},
    {kPolicyViolation, "POLICY_VIOLATION",
     "a policy of the broker forbids it", kFinal, kFresh, kNot},
    {kOutOfOrderSequenceNumber, "OUT_OF_ORDER_SEQUENCE_NUMBER",
     "the batch's sequence does not follow the last one in the log", kFinal, kFresh, kNot},
    {kDuplicateSequenceNumber, "DUPLICATE_SEQUENCE_NUMBER",
     "the batch is in the log already", kFinal, kFresh, kPersisted},
    {kInvalidProducerEpoch, "INVALID_PRODUCER_EPOCH",
     "the producer's epoch is older than the broker's", kFinal, kFresh, kNot},
    {kInvalidTxnState, "INVALID_TXN_STATE",
     "the transaction is not in a state that allows it", kFinal, kFresh, kNot},
    {kInvalidProducerIdMapping, "INVALID_PRODUCER_ID_MAPPING",
     "the producer id does not belong to this transactional id", kFinal, kFresh, kNot},
    {kInvalidTransactionTimeout, "INVALID_TRANSACTION_TIMEOUT",
     "the transaction timeout is above the broker's maximum", kFinal, kFresh, kNot},
    {kConcurrentTransactions, "CONCURRENT_TRANSACTIONS",
     "the last transaction of this id is still being completed", kRetry, kFresh, kNot},
    {kTransactionCoordinatorFenced, "TRANSACTION_COORDINATOR_FENCED",
     "a newer coordinator has taken over", kFinal, kFresh, kNot},
    {kTransactionalIdAuthorizationFailed, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
     "the client may not use this transactional id", kFinal, kFresh, kNot},
    {kSecurityDisabled, "SECURITY_DISABLED",
     "the broker has no security features switched on", kFinal, kFresh, kNot},
    {kOperationNotAttempted, "OPERATION_NOT_ATTEMPTED",
     "another part of the same request was refused", kFinal, kFresh, kNot},
    {kKafkaStorageError, "KAFKA_STORAGE_ERROR",
     "the broker's disk failed; another replica will lead", kRetry, kStale, kPossibly},
    {kSaslAuthenticationFailed, "SASL_AUTHENTICATION_FAILED",
     "the credentials were refused", kFinal, kFresh, kNot},
    {kUnknownProducerId, "UNKNOWN_PRODUCER_ID",
     "the broker has forgotten this producer id", kFinal, kFresh, kNot},
    {kFetchSessionIdNotFound, "FETCH_SESSION_ID_NOT_FOUND",
     "the broker has forgotten this fetch session", kRetry, kFresh, kNot},
    {kInvalidFetchSessionEpoch, "INVALID_FETCH_SESSION_EPOCH",
     "the fetch session is at another epoch", kRetry, kFresh, kNot},
    {kListenerNotFound, "LISTENER_NOT_FOUND",
     "the leader has no listener of the name we came in by", kRetry, kStale, kNot},
    {kFencedLeaderEpoch, "FENCED_LEADER_EPOCH",
     "the request names an older leader epoch than the broker's", kRetry, kStale, kNot},
    {kUnknownLeaderEpoch, "UNKNOWN_LEADER_EPOCH",
     "the request names a newer leader epoch than the broker's", kRetry, kStale, kNot},
    {kUnsupportedCompressionType, "UNSUPPORTED_COMPRESSION_TYPE",
     "the broker does not know this codec", kFinal, kFresh, kNot},
    {kOffsetNotAvailable, "OFFSET_NOT_AVAILABLE",
     "the new leader does not know its end offset yet", kRetry, kFresh, kNot},
    {kFencedInstanceId, "FENCED_INSTANCE_ID",
     "another consumer has taken the group.instance.id", kFinal, kFresh, kNot},
    {kInvalidRecord, "INVALID_RECORD",
     "a record breaks a rule of the topic", kFinal, kFresh, kNot},
    {kThrottlingQuotaExceeded, "THROTTLING_QUOTA_EXCEEDED",
     "the client is over its quota", kRetry, kFresh, kNot},
    {kProducerFenced, "PRODUCER_FENCED",
     "a newer producer uses the same transactional id", kFinal, kFresh, kNot},
    {kUnknownTopicId, "UNKNOWN_TOPIC_ID",
     "the broker does not host a topic of this id", kRetry, kStale, kNot},
    {kInconsistentTopicId, "INCONSISTENT_TOPIC_ID",
     "the topic has another id on this broker", kRetry, kStale, kNot},
    {kTransactionalIdNotFound, "TRANSACTIONAL_ID_NOT_FOUND",
     "the transactional id is not known", kFinal, kFresh, kNot},
    {kFetchSessionTopicIdError, "FETCH_SESSION_TOPIC_ID_ERROR",
     "the fetch session mixes topic names and ids", kRetry, kFresh, kNot},
    {kTransactionAbortable, "TRANSACTION_ABORTABLE",
     "the transaction must be aborted; the producer may go on", kFinal, kFresh, kNot},
    {kRebootstrapRequired, "REBOOTSTRAP_REQUIRED",
     "the client must start again from its bootstrap addresses", kFinal, kStale, kNot},
};
// clang-format on

static_assert(std::ranges::is_sorted(kErrors, {}, &ErrorInfo::code));
static_assert(kErrors[0].code == kUnknownServerError);

}  // namespace

const ErrorInfo& error_info(ErrorCode code) noexcept {
  const auto* found = std::ranges::lower_bound(kErrors, code, {}, &ErrorInfo::code);
  return found != std::end(kErrors) && found->code == code ? *found : kErrors[0];
}

const ErrorInfo& error_info(std::int16_t code) noexcept {
  return error_info(static_cast<ErrorCode>(code));
}

}  // namespace spillway::wire
