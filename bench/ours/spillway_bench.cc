// Spillway under the same harness as its rivals, through its public headers only.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "harness/modes.h"
#include "spillway/producer.h"

namespace spillway::bench {
namespace {

constexpr std::size_t kHeadersMax = 16;

void on_delivery(void* context, const Delivery& delivery) noexcept {
  switch (delivery.fate) {
    case Fate::Delivered:
      return fates.acknowledged(reinterpret_cast<std::uintptr_t>(context));
    case Fate::Dropped:
      return fates.dropped();
    case Fate::Failed:
    case Fate::Unknown:
      return fates.failed();
  }
}

[[noreturn]] void complain(const Error& error) {
  std::fprintf(stderr, "spillway_bench: %s\n", error.message().c_str());
  std::exit(1);
}

WhenFull policy_of(const std::string& word) {
  if (word == "drop-oldest") return WhenFull::DropOldest;
  return word == "fail-fast" ? WhenFull::FailFast : WhenFull::Block;
}

Codec codec_of(const std::string& word) {
  constexpr std::array<const char*, 5> kWords{"none", "gzip", "snappy", "lz4", "zstd"};
  const auto* const found = std::find(kWords.begin(), kWords.end(), word);
  if (found != kWords.end()) return static_cast<Codec>(found - kWords.begin());
  std::fprintf(stderr, "spillway_bench: there is no codec '%s'\n", word.c_str());
  std::exit(2);
}

Options options_of(const Settings& settings) {
  Options options;
  options.bootstrap = settings.bootstrap;
  options.memory_max = settings.memory_bytes;
  options.when_full = policy_of(settings.when_full);
  options.acks = static_cast<Acks>(settings.acks);
  options.idempotence = settings.idempotent;
  options.linger = std::chrono::milliseconds(settings.linger_ms);
  options.batch_bytes_max = settings.batch_bytes;
  options.compression.codec = codec_of(settings.compression);
  if (!settings.tls_ca.empty()) options.tls = Tls{.ca = settings.tls_ca};
  // Hold must be able to look at its clock although nothing is accepted.
  if (settings.mode == Mode::Hold) options.block_deadline = std::chrono::milliseconds(200);
  return options;
}

Producer opened(const Settings& settings) {
  auto producer = Producer::open(options_of(settings));
  if (!producer) complain(producer.error());
  return std::move(*producer);
}

class Spillway {
 public:
  explicit Spillway(const Settings& settings)
      : headers_(std::min<std::size_t>(settings.headers, kHeadersMax)),
        producer_(opened(settings)) {
    auto topic = producer_.topic(settings.topic);
    if (!topic) complain(topic.error());
    topic_ = *topic;
  }

  [[nodiscard]] std::string name() const { return "spillway"; }

  Offer send(const Item& item) {
    std::array<Header, kHeadersMax> headers;
    Record record;
    if (item.key.data() != nullptr) record.key = item.key;
    record.value = item.value;
    record.partition = item.partition;
    if (headers_ > 0) {
      std::fill_n(headers.begin(), headers_, Header{kHeaderName, item.header_value});
      record.headers = {headers.data(), headers_};
    }
    const auto sent =
        producer_.send(topic_, record, {on_delivery, reinterpret_cast<void*>(item.tag)});
    if (sent) return Offer::Accepted;
    return sent.code() == ErrorCode::Full || sent.code() == ErrorCode::Busy ? Offer::Full
                                                                            : Offer::Refused;
  }

  void serve() {}
  void serve_until(std::uint64_t mono) { sleep_until_ns(mono); }
  void wait_for_room() { sleep_until_ns(mono_ns() + 1'000'000); }
  bool drain(double seconds) {
    return producer_.flush(std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000)))
        .ok();
  }

  void describe(Report& report) const {
    const Snapshot now = producer_.snapshot();
    report.add("memory_budget", now.memory.budget);
    report.add("memory_fixed", now.memory.fixed);
    report.add("memory_used_peak", now.memory.used_peak);
    report.add("memory_resident", now.memory.resident);
    report.add("payload", now.memory.payload);
    report.add("payload_held_by", now.memory.payload_held_by);
    report.add("batches_sent", now.batches_sent);
    report.add("batches_retried", now.batches_retried);
    report.add("batch_bytes_sent", now.batch_bytes_sent);
    report.add("wakes", now.wakes);
  }

 private:
  std::size_t headers_;
  Producer producer_;
  Topic topic_;
};

}  // namespace
}  // namespace spillway::bench

int main(int argc, char** argv) {
  const auto settings = spillway::bench::settings_from(argc, argv);
  spillway::bench::Spillway client(settings);
  return spillway::bench::measure(client, settings);
}
