#include "cluster/outcome.h"

#include "wire/errors.h"

namespace spillway {

Verdict judge(std::int16_t kafka_error, bool idempotent, bool behind_retry) noexcept {
  using enum wire::ErrorCode;
  const wire::ErrorInfo& info = wire::error_info(kafka_error);
  const bool possibly = info.persisted == wire::Persisted::kPossibly;
  switch (static_cast<wire::ErrorCode>(kafka_error)) {
    case kNone:
    case kDuplicateSequenceNumber:
      return {Outcome::Delivered, false, false, false};
    case kOutOfOrderSequenceNumber:
      if (!idempotent) return {Outcome::Failed, false, true, false};
      return {behind_retry ? Outcome::Retry : Outcome::NewEpoch, false, true, false};
    case kUnknownProducerId:
      // The broker has forgotten us (retention): it cannot rule out an earlier attempt.
      return {idempotent ? Outcome::NewEpoch : Outcome::Failed, false, false, false};
    case kInvalidProducerEpoch:
    case kProducerFenced:
    case kInvalidProducerIdMapping:
      return {idempotent ? Outcome::NewIdentity : Outcome::Failed, false, false, false};
    default:
      return {info.is_retriable ? Outcome::Retry : Outcome::Failed, info.needs_metadata, false,
              possibly};
  }
}

}  // namespace spillway
