#include "producer/bootstrap.h"

#include <bit>
#include <charconv>
#include <string>

#include "cluster/sasl.h"
#include "cluster/session.h"
#include "wire/compression.h"

namespace spillway {
namespace {

constexpr std::uint16_t kDefaultPort = 9092;
constexpr auto kTimeMax = std::chrono::hours(24 * 24);  // its milliseconds fit the wire's 32 bits

Error bad_address(std::string_view part) {
  return Error(ErrorCode::InvalidOption, "bootstrap: '" + std::string(part) + "' is not host:port");
}

Result<Endpoint> parse_endpoint(std::string_view part) {
  std::string_view host = part;
  std::string_view port;
  if (part.starts_with('[')) {
    const std::size_t end = part.find(']');
    if (end == std::string_view::npos) return bad_address(part);
    host = part.substr(1, end - 1);
    port = part.substr(end + 1);
    if (!port.empty() && (port.front() != ':' || port.size() == 1)) return bad_address(part);
    if (!port.empty()) port.remove_prefix(1);
  } else if (const std::size_t colon = part.rfind(':'); colon != std::string_view::npos) {
    host = part.substr(0, colon);
    port = part.substr(colon + 1);
    if (host.find(':') != std::string_view::npos || port.empty()) return bad_address(part);
  }
  Endpoint endpoint{std::string(host), kDefaultPort};
  if (!port.empty()) {
    const auto [end, error] =
        std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
    if (error != std::errc{} || end != port.data() + port.size() || endpoint.port == 0)
      return bad_address(part);
  }
  if (host.empty() || host.find_first_of(" \t/") != std::string_view::npos)
    return bad_address(part);
  return endpoint;
}

Error bad(const char* sentence) {
  return Error(ErrorCode::InvalidOption, sentence);
}

Result<void> check_transactions(const Options& options) {
  if (options.transactional_id.empty()) return {};
  if (!options.idempotence) return bad("transactional_id needs idempotence");
  if (options.when_full == WhenFull::DropOldest)
    return bad(
        "transactional_id and DropOldest contradict each other: a dropped record would be "
        "missing in what is committed");
  if (options.transactional_id.size() > 255) return bad("transactional_id: at most 255 bytes");
  if (options.transaction_timeout.count() < 1'000 || options.transaction_timeout > kTimeMax)
    return bad(
        "transaction_timeout: 1 s to 24 days; brokers allow 15 minutes unless told otherwise");
  return {};
}

}  // namespace

Result<std::vector<Endpoint>> parse_bootstrap(std::string_view text) {
  std::vector<Endpoint> endpoints;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    auto endpoint = parse_endpoint(part);
    if (!endpoint) return endpoint.error();
    endpoints.push_back(std::move(*endpoint));
    if (comma == std::string_view::npos) return endpoints;
    text.remove_prefix(comma + 1);
  }
  return bad("bootstrap: give at least one host:port");
}

Result<void> check_options(const Options& options) {
  const WaterLevels& levels = options.water_levels;
  if (options.client_id.size() > 255) return bad("client_id: at most 255 bytes");
  if (options.idempotence && options.acks != Acks::All)
    return bad("idempotence needs acks All: set idempotence to false to use fewer");
  if (options.in_flight_max < 1 ||
      options.in_flight_max > static_cast<int>(Session::kInFlightMax) - 4)
    return bad("in_flight_max: 1 to 12");
  if (options.idempotence && options.in_flight_max > 5)
    return bad("in_flight_max: at most 5 with idempotence, because brokers remember 5 batches");
  if (auto checked = check_transactions(options); !checked) return checked;
  if (options.linger.count() < 0 || options.linger > std::chrono::minutes(15))
    return bad("linger: 0 to 15 minutes");
  if (options.block_deadline.count() < 0) return bad("block_deadline: not negative");
  if (options.delivery_timeout.count() < 0)
    return bad("delivery_timeout: not negative; 0 means that records never expire");
  if (options.request_timeout.count() < 10 || options.request_timeout > kTimeMax)
    return bad("request_timeout: 10 ms to 24 days");
  if (options.delivery_timeout > kTimeMax)
    return bad("delivery_timeout: at most 24 days; 0 means that records never expire");
  if (options.retry_backoff_max > kTimeMax || options.metadata_age_max > kTimeMax)
    return bad("retry_backoff_max, metadata_age_max: at most 24 days");
  if (options.delivery_timeout.count() != 0 && options.delivery_timeout < options.linger)
    return bad("delivery_timeout: not shorter than linger");
  if (options.retry_backoff.count() < 1 || options.retry_backoff_max < options.retry_backoff)
    return bad("retry_backoff: at least 1 ms and at most retry_backoff_max");
  if (options.metadata_age_max.count() < 100) return bad("metadata_age_max: at least 100 ms");
  if (options.batch_bytes_max < 1024 || options.batch_bytes_max > 64 * kMiB)
    return bad("batch_bytes_max: 1 KiB to 64 MiB");
  if (options.record_bytes_max < 64 || options.record_bytes_max > 64 * kMiB)
    return bad("record_bytes_max: 64 bytes to 64 MiB");
  if (options.compression_of.size() > 16) return bad("compression_of: at most 16 topics");
  if (auto checked = wire::check_compression(options.compression); !checked) return checked;
  for (const TopicCompression& each : options.compression_of) {
    if (auto checked = wire::check_compression(each.compression); !checked) return checked;
  }
  if (options.sasl) {
    if (auto checked = check_sasl(*options.sasl); !checked) return checked;
  }
  if (options.topics_max < 1 || options.topics_max > 4096) return bad("topics_max: 1 to 4096");
  if (options.partitions_max < 1 || options.partitions_max > 1'000'000)
    return bad("partitions_max: 1 to 1000000");
  if (options.brokers_max < 1 || options.brokers_max > 4096) return bad("brokers_max: 1 to 4096");
  if (options.lanes > 256) return bad("lanes: at most 256");
  if (options.ring_slots != 0 && (!std::has_single_bit(options.ring_slots) ||
                                  options.ring_slots < 2 || options.ring_slots > (1U << 24))) {
    return bad("ring_slots: a power of two from 2 to 2^24, or 0");
  }
  if (!(0 < levels.low && levels.low < levels.mid && levels.mid < levels.high &&
        levels.high <= 100 && levels.hysteresis < levels.low)) {
    return bad("water_levels: 0 < low < mid < high <= 100 and hysteresis < low");
  }
  return {};
}

}  // namespace spillway
