#include "apps/spillway/verifiable_lines.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <utility>

#include "apps/spillway/signals.h"

namespace spillway::cli {
namespace {

using Json = nlohmann::ordered_json;

Json event(std::string_view name, std::int64_t timestamp) {
  Json line;
  line["timestamp"] = timestamp;
  line["name"] = name;
  return line;
}

Json or_null(const std::optional<std::string>& text) {
  return text ? Json(*text) : Json(nullptr);
}

std::string text_of(const Json& line) {
  return line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

struct Exception {
  std::int16_t kafka_error;
  std::string_view name;
};

// What a producer meets most, by Kafka's error codes.
constexpr std::array<Exception, 12> kExceptions{
    {{2, "class org.apache.kafka.common.errors.CorruptRecordException"},
     {3, "class org.apache.kafka.common.errors.UnknownTopicOrPartitionException"},
     {10, "class org.apache.kafka.common.errors.RecordTooLargeException"},
     {17, "class org.apache.kafka.common.errors.InvalidTopicException"},
     {19, "class org.apache.kafka.common.errors.NotEnoughReplicasException"},
     {29, "class org.apache.kafka.common.errors.TopicAuthorizationException"},
     {31, "class org.apache.kafka.common.errors.ClusterAuthorizationException"},
     {32, "class org.apache.kafka.common.errors.InvalidTimestampException"},
     {44, "class org.apache.kafka.common.errors.PolicyViolationException"},
     {45, "class org.apache.kafka.common.errors.OutOfOrderSequenceException"},
     {76, "class org.apache.kafka.common.errors.UnsupportedCompressionTypeException"},
     {87, "class org.apache.kafka.common.InvalidRecordException"}}};

constexpr std::string_view kTimeout = "class org.apache.kafka.common.errors.TimeoutException";
constexpr std::string_view kOther = "class org.apache.kafka.common.KafkaException";

std::string_view exception_of(const Delivery& delivery) {
  if (delivery.reason == Reason::DeliveryTimeout) return kTimeout;
  const std::int16_t code =
      delivery.reason == Reason::UnknownTopic ? std::int16_t{3} : delivery.kafka_error;
  for (const Exception& each : kExceptions) {
    if (each.kafka_error == code) return each.name;
  }
  return kOther;
}

}  // namespace

std::optional<std::string> VerifiableShape::key(std::uint64_t number) const {
  if (!repeating_keys) return std::nullopt;
  const auto modulus = static_cast<std::uint64_t>(*repeating_keys > 0 ? *repeating_keys : 0);
  return std::to_string(modulus == 0 ? number : number % modulus);
}

std::string VerifiableShape::value(std::uint64_t number) const {
  if (!value_prefix) return std::to_string(number);
  return std::to_string(*value_prefix) + "." + std::to_string(number);
}

Refusal refusal_of(const Delivery& delivery, std::int64_t delivery_timeout_ms) {
  std::string message =
      std::string(name_of(delivery.fate)) + " (" + std::string(name_of(delivery.reason)) + ")";
  if (delivery.kafka_error != 0) {
    message += ", Kafka's error " + std::to_string(delivery.kafka_error);
  }
  if (delivery.reason == Reason::DeliveryTimeout) {
    message += ": " + std::to_string(delivery_timeout_ms) + " ms have passed";
  }
  return {exception_of(delivery), std::move(message)};
}

std::string event_line(std::string_view name, std::int64_t timestamp) {
  return text_of(event(name, timestamp));
}

std::string success_line(const VerifiableShape& shape, std::uint64_t number,
                         const Delivery& delivery, std::int64_t timestamp) {
  Json line = event("producer_send_success", timestamp);
  line["key"] = or_null(shape.key(number));
  line["value"] = shape.value(number);
  line["offset"] = delivery.offset;
  line["topic"] = shape.topic;
  line["partition"] = delivery.partition;
  return text_of(line);
}

std::string error_line(const VerifiableShape& shape, std::uint64_t number, const Refusal& refusal,
                       std::int64_t timestamp) {
  Json line = event("producer_send_error", timestamp);
  line["topic"] = shape.topic;
  line["key"] = or_null(shape.key(number));
  line["value"] = shape.value(number);
  line["exception"] = refusal.exception;
  line["message"] = refusal.message;
  return text_of(line);
}

std::string sum_line(const VerifiableSum& sum, std::int64_t timestamp) {
  Json line = event("tool_data", timestamp);
  line["sent"] = sum.sent;
  line["acked"] = sum.acked;
  line["target_throughput"] = sum.throughput;
  line["avg_throughput"] = sum.records_per_second;
  return text_of(line);
}

// A pipe that is writable at all has room for 4096 bytes, more than a line, so write does not wait.
bool LineWriter::wait_for_room() const {
  while (!Signals::stop_now()) {
    pollfd wanted{fd_, POLLOUT, 0};
    if (::poll(&wanted, 1, kSliceMs) > 0) return true;
  }
  return false;
}

void LineWriter::write(std::string_view line) {
  const std::lock_guard lock(mutex_);
  while (!line.empty() && !gone_) {
    if (!wait_for_room()) return;
    const ssize_t put = ::write(fd_, line.data(), line.size());
    if (put > 0) line.remove_prefix(static_cast<std::size_t>(put));
    gone_ = put < 0 && errno != EINTR && errno != EAGAIN;
  }
}

}  // namespace spillway::cli
