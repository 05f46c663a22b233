// What a broker accepts as the records of one partition: exactly one sound record batch v2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "testing/dev_broker/cluster.h"
#include "wire/batch_reader.h"

namespace spillway::dev {

struct BatchVerdict {
  KafkaError error = KafkaError::kNone;
  const char* why = nullptr;  // a static sentence when there is an error
  BatchFacts facts;
  std::vector<std::int32_t> bad;  // the records that are at fault, if only some are (KIP-467)
};

// CRC, magic, lengths, counts, offset deltas and producer fields, packed records included.
[[nodiscard]] BatchVerdict check_batch(std::span<const std::byte> records, std::size_t bytes_max,
                                       bool keys_required = false);

// Puts the unpacked records, which then lie in `memory`, in the place of the packed ones. Nothing
// to do for a batch that is not packed. What is told is why it cannot be done.
[[nodiscard]] wire::DecodeError unpack(wire::BatchView& batch, std::vector<std::byte>& memory);

// The record count a batch claims, from two fields of its header, unchecked; 0 if there is no
// header.
[[nodiscard]] std::int32_t claimed_records(std::span<const std::byte> records) noexcept;

}  // namespace spillway::dev
