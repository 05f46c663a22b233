// The floor: one thread, one connection, records encoded in place, CRC, real sequences, at most 5
// in flight, and nothing else. It keeps no copy for a retry, has no queue and calls back once a
// batch: a bound, not a producer.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "harness/modes.h"
#include "probe/broker_link.h"
#include "probe/open_batch.h"

namespace spillway::bench {
namespace {

constexpr std::size_t kInFlightMax = 5;  // what a broker remembers of a producer and partition

class Probe {
 public:
  explicit Probe(const Settings& settings)
      : linger_ns_(static_cast<std::uint64_t>(settings.linger_ms) * 1'000'000),
        tags_kept_(settings.mode == Mode::AckLatency),
        sequences_(settings.partitions, 0),
        link_(settings.bootstrap),
        batch_(settings.topic, settings.batch_bytes, settings.headers,
               static_cast<std::int16_t>(settings.acks)) {
    if (settings.idempotent) producer_ = link_.init_producer_id();
  }

  [[nodiscard]] std::string name() const { return "probe"; }

  Offer send(const Item& item) {
    if (batch_.count() == 0) first_ns_ = linger_ns_ == 0 ? 0 : mono_ns();
    if (!batch_.append(item)) {
      write_batch();
      if (!batch_.append(item)) return Offer::Refused;
    }
    if (tags_kept_) tags_.push_back(item.tag);
    return Offer::Accepted;
  }

  void serve() {
    while (in_flight_ > 0 && link_.readable_by(0)) take_response();
  }

  void serve_until(std::uint64_t mono) {
    do {
      const std::uint64_t due = first_ns_ + linger_ns_;
      const bool ready = batch_.count() > 0 && in_flight_ < kInFlightMax;
      if (ready && due <= mono_ns()) {
        write_batch();
        continue;
      }
      const std::uint64_t wake = ready ? std::min(due, mono) : mono;
      if (in_flight_ == 0) {
        sleep_until_ns(wake);
      } else if (link_.readable_by(wake)) {
        take_response();
      }
    } while (mono_ns() < mono);
  }

  void wait_for_room() {}

  bool drain(double /*seconds*/) {
    if (batch_.count() > 0) write_batch();
    while (in_flight_ > 0) take_response();
    return true;
  }

  void describe(Report& report) const { report.add("batches_sent", batches_); }

 private:
  struct InFlight {
    std::int32_t count = 0;
    std::vector<std::uintptr_t> tags;
  };

  void write_batch() {
    while (in_flight_ == kInFlightMax) take_response();
    const auto partition =
        static_cast<std::size_t>(batches_ % static_cast<std::int64_t>(sequences_.size()));
    InFlight& slot = slots_[(oldest_ + in_flight_) % kInFlightMax];
    slot.count = batch_.count();
    slot.tags.swap(tags_);
    tags_.clear();
    const auto correlation = static_cast<std::int32_t>(batches_++ & INT32_MAX);
    const std::int32_t sequence = producer_.id < 0 ? -1 : sequences_[partition];
    sequences_[partition] =
        static_cast<std::int32_t>((std::int64_t{sequences_[partition]} + slot.count) & INT32_MAX);
    ++in_flight_;
    link_.write(
        batch_.seal(correlation, static_cast<std::int32_t>(partition), producer_, sequence));
  }

  // v7: correlation, 1 topic, its name, 1 partition, index, error, …
  void take_response() {
    const auto answer = link_.response();
    const auto name_size = static_cast<std::size_t>(get<std::int16_t>(answer.data() + 8));
    const std::size_t error_at = 10 + name_size + 8;
    if (error_at + 2 > answer.size() || get<std::int16_t>(answer.data() + error_at) != 0) {
      std::fprintf(stderr, "probe: the broker refused a batch, error %d\n",
                   error_at + 2 > answer.size() ? -1 : get<std::int16_t>(answer.data() + error_at));
      std::exit(1);
    }
    InFlight& slot = slots_[oldest_];
    if (tags_kept_) {
      for (const std::uintptr_t tag : slot.tags) fates.acknowledged(tag);
    } else {
      fates.delivered(static_cast<std::uint64_t>(slot.count));
    }
    oldest_ = (oldest_ + 1) % kInFlightMax;
    --in_flight_;
  }

  std::uint64_t linger_ns_;
  bool tags_kept_;
  std::vector<std::int32_t> sequences_;  // next one, by partition
  BrokerLink link_;
  OpenBatch batch_;
  ProducerIdentity producer_;
  std::array<InFlight, kInFlightMax> slots_;
  std::size_t oldest_ = 0;
  std::size_t in_flight_ = 0;
  std::vector<std::uintptr_t> tags_;  // of the open batch
  std::uint64_t first_ns_ = 0;        // when the open batch got its first record
  std::int64_t batches_ = 0;
};

}  // namespace
}  // namespace spillway::bench

int main(int argc, char** argv) {
  const auto settings = spillway::bench::settings_from(argc, argv);
  if (settings.threads != 1 || settings.mode == spillway::bench::Mode::Hold) {
    std::fprintf(stderr, "probe: it has one thread and holds nothing\n");
    return 2;
  }
  spillway::bench::Probe client(settings);
  return spillway::bench::measure(client, settings);
}
