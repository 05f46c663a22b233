// What a seed chooses for one run of the simulation.
#pragma once

#include "base/random.h"
#include "spillway/options.h"
#include "testing/sim_network.h"

namespace spillway {

using namespace std::chrono_literals;
using dev::ApiKey;

struct Shape {
  Options options;
  std::int32_t nodes = 1;
  std::int32_t partitions = 1;
  std::uint64_t records = 300;
  MonoDuration storm = 3s;
  std::uint64_t pace = 1;  // sends in one turn of so many
  dev::VersionCaps caps;
  bool rejects = false;  // brokers refuse some batches for good
  bool evicts = false;
  bool stormy = true;      // else only leaders move
  bool compacted = false;  // one record in eight has no key, and brokers refuse just these
  bool remakes = false;    // the topic is deleted and made again
  bool replaces = false;   // half-way node 1 leaves for good and node 3, unknown before, comes
  std::size_t message_bytes_max = 1'048'588;
  dev::SaslSettings sasl;
};

inline Shape shape_of(Random& random) {
  Shape shape;
  Options& options = shape.options;
  options.brokers_max = 4;
  options.topics_max = 4;
  options.partitions_max = 16;
  options.batch_bytes_max = std::size_t{1024} << random.below(4);
  options.linger = std::chrono::milliseconds(random.below(6));
  options.in_flight_max = static_cast<int>(1 + random.below(5));
  options.request_timeout = 1s;
  options.retry_backoff = std::chrono::milliseconds(1 + random.below(50));
  options.retry_backoff_max = 200ms;
  options.metadata_age_max = random.below(2) == 0 ? 500ms : 300'000ms;
  options.delivery_timeout = random.below(3) == 0 ? 2'000ms : 0ms;
  options.idempotence = random.below(5) != 0;
  shape.nodes = static_cast<std::int32_t>(1 + random.below(3));
  shape.partitions = static_cast<std::int32_t>(1 + random.below(6));
  const std::int16_t caps[] = {7, 9, 12, 13};
  shape.caps[ApiKey::kProduce] = caps[random.below(4)];
  shape.rejects = random.below(4) == 0;
  shape.evicts = random.below(4) == 0;
  options.compression.codec = static_cast<Codec>(random.below(5));
  shape.compacted = shape.caps[ApiKey::kProduce] >= 8 && random.below(4) == 0;
  shape.remakes = random.below(8) == 0;
  if (random.below(3) == 0) shape.message_bytes_max = std::size_t{300} << random.below(4);
  return shape;
}

// Every record can be delivered, and only leaders move.
inline Shape peaceful(Shape shape) {
  shape.stormy = shape.evicts = shape.rejects = shape.compacted = shape.remakes = false;
  shape.message_bytes_max = 1'048'588;
  return shape;
}

}  // namespace spillway
