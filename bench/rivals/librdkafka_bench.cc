// librdkafka under the harness, set up as its documentation advises for throughput: batches bounded
// by bytes only, the queue by 64 MiB only, callbacks served by the sending thread (no third thread
// to wake).
#include <librdkafka/rdkafka.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

#include "harness/modes.h"

namespace spillway::bench {
namespace {

void on_delivery(rd_kafka_t* /*handle*/, const rd_kafka_message_t* message, void* /*opaque*/) {
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) return fates.failed();
  fates.acknowledged(reinterpret_cast<std::uintptr_t>(message->_private));
}

void set(rd_kafka_conf_t* conf, const char* name, const std::string& value) {
  char why[256];
  if (rd_kafka_conf_set(conf, name, value.c_str(), why, sizeof why) != RD_KAFKA_CONF_OK) {
    std::fprintf(stderr, "librdkafka_bench: %s\n", why);
    std::exit(2);
  }
}

rd_kafka_conf_t* configuration(const Settings& settings) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", settings.bootstrap);
  set(conf, "enable.idempotence", settings.idempotent ? "true" : "false");
  set(conf, "acks", std::to_string(settings.acks));
  set(conf, "linger.ms", std::to_string(settings.linger_ms));
  set(conf, "batch.size", std::to_string(settings.batch_bytes));
  set(conf, "message.max.bytes",
      std::to_string(std::max<std::size_t>(settings.batch_bytes, 1'000'000)));
  set(conf, "batch.num.messages", "100000");
  set(conf, "queue.buffering.max.kbytes", std::to_string(settings.memory_bytes / 1024));
  // 0 means no bound from 2.2.0 on; the older one wants its largest number.
  set(conf, "queue.buffering.max.messages", rd_kafka_version() >= 0x02020000 ? "0" : "10000000");
  set(conf, "socket.nagle.disable", "true");
  set(conf, "compression.codec", settings.compression);
  if (!settings.tls_ca.empty()) {
    set(conf, "security.protocol", "ssl");
    set(conf, "ssl.ca.location", settings.tls_ca);
  }
  rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
  return conf;
}

class Librdkafka {
 public:
  explicit Librdkafka(const Settings& settings) : headers_(settings.headers) {
    char why[256];
    handle_ = rd_kafka_new(RD_KAFKA_PRODUCER, configuration(settings), why, sizeof why);
    if (handle_ == nullptr) {
      std::fprintf(stderr, "librdkafka_bench: %s\n", why);
      std::exit(2);
    }
    topic_ = rd_kafka_topic_new(handle_, settings.topic.c_str(), nullptr);
    if (settings.mode == Mode::AckLatency) {
      poller_ = std::jthread([this](const std::stop_token& stop) {
        while (!stop.stop_requested()) rd_kafka_poll(handle_, 100);
      });
    }
  }
  Librdkafka(const Librdkafka&) = delete;
  Librdkafka& operator=(const Librdkafka&) = delete;
  ~Librdkafka() {
    if (poller_.joinable()) {
      poller_.request_stop();
      poller_.join();
    }
    rd_kafka_topic_destroy(topic_);
    rd_kafka_destroy(handle_);
  }

  [[nodiscard]] std::string name() const {
    return std::string("librdkafka ") + rd_kafka_version_str();
  }

  Offer send(const Item& item) {
    if (headers_ > 0) return send_with_headers(item);
    const int refused = rd_kafka_produce(
        topic_, item.partition, RD_KAFKA_MSG_F_COPY, const_cast<char*>(item.value.data()),
        item.value.size(), item.key.data(), item.key.size(), reinterpret_cast<void*>(item.tag));
    return refused == 0 ? Offer::Accepted : answer(rd_kafka_last_error());
  }

  void serve() {
    if (!poller_.joinable()) rd_kafka_poll(handle_, 0);
  }
  void serve_until(std::uint64_t mono) {
    if (poller_.joinable()) return sleep_until_ns(mono);
    for (std::uint64_t now = mono_ns(); now < mono; now = mono_ns()) {
      rd_kafka_poll(handle_, static_cast<int>((mono - now) / 1'000'000));
      if (mono - now < 1'000'000) sleep_until_ns(mono);
    }
  }
  void wait_for_room() { rd_kafka_poll(handle_, 1); }
  bool drain(double seconds) {
    return rd_kafka_flush(handle_, static_cast<int>(seconds * 1000)) == 0;
  }
  void describe(Report& report) const { report.add("out_queue", rd_kafka_outq_len(handle_)); }

 private:
  static Offer answer(rd_kafka_resp_err_t error) {
    return error == RD_KAFKA_RESP_ERR__QUEUE_FULL ? Offer::Full : Offer::Refused;
  }

  Offer send_with_headers(const Item& item) {
    rd_kafka_headers_t* headers = rd_kafka_headers_new(headers_);
    for (std::uint64_t i = 0; i < headers_; ++i) {
      rd_kafka_header_add(headers, kHeaderName.data(), static_cast<ssize_t>(kHeaderName.size()),
                          item.header_value.data(), static_cast<ssize_t>(item.header_value.size()));
    }
    const rd_kafka_resp_err_t error = rd_kafka_producev(
        handle_, RD_KAFKA_V_RKT(topic_), RD_KAFKA_V_PARTITION(item.partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_VALUE(const_cast<char*>(item.value.data()), item.value.size()),
        RD_KAFKA_V_KEY(item.key.data(), item.key.size()), RD_KAFKA_V_HEADERS(headers),
        RD_KAFKA_V_OPAQUE(reinterpret_cast<void*>(item.tag)), RD_KAFKA_V_END);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return Offer::Accepted;
    rd_kafka_headers_destroy(headers);  // a refused record leaves them with us
    return answer(error);
  }

  std::uint64_t headers_;
  rd_kafka_t* handle_ = nullptr;
  rd_kafka_topic_t* topic_ = nullptr;
  std::jthread poller_;
};

}  // namespace
}  // namespace spillway::bench

int main(int argc, char** argv) {
  const auto settings = spillway::bench::settings_from(argc, argv);
  spillway::bench::Librdkafka client(settings);
  return spillway::bench::measure(client, settings);
}
