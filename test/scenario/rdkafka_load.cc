// The same load through librdkafka, for the rows of docs/reliability.md. Arguments, records and
// files: load.h. Whatever load.cc sets, this sets to the same value; the rest is librdkafka's
// default.
#include <librdkafka/rdkafka.h>

#include <mutex>
#include <sstream>

#include "load.h"

namespace {

using namespace scenario;

FateFile* fates = nullptr;
std::mutex trouble_mutex;
std::string trouble;  // the error that librdkafka calls fatal

Fate fate_of(const rd_kafka_message_t& message) {
  if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) return kDelivered;
  switch (rd_kafka_message_status(&message)) {
    case RD_KAFKA_MSG_STATUS_PERSISTED:
      return kDelivered;
    case RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED:
      return kUnknown;
    default:
      return kFailed;
  }
}

// The poller's thread calls it until it has ended, then main's.
void on_delivery(rd_kafka_t* /*handle*/, const rd_kafka_message_t* message, void* /*opaque*/) {
  fates->add(reinterpret_cast<std::uintptr_t>(message->_private),
             std::max<std::int64_t>(message->offset, -1), message->partition,
             static_cast<std::int16_t>(message->err), fate_of(*message));
}

void on_log(const rd_kafka_t* /*handle*/, int /*level*/, const char* facility, const char* text) {
  std::printf("event %s %s\n", facility, text);
  std::fflush(stdout);
}

void on_error(rd_kafka_t* handle, int error, const char* /*reason*/, void* /*opaque*/) {
  if (error != RD_KAFKA_RESP_ERR__FATAL) return;
  char why[256];
  rd_kafka_fatal_error(handle, why, sizeof why);
  const std::lock_guard lock(trouble_mutex);
  trouble = why;
  std::replace(trouble.begin(), trouble.end(), '"', '\'');
}

void set(rd_kafka_conf_t* conf, const char* name, const std::string& value) {
  char why[256];
  if (rd_kafka_conf_set(conf, name, value.c_str(), why, sizeof why) != RD_KAFKA_CONF_OK)
    std::exit(complain(why));
}

rd_kafka_conf_t* configuration(const Plan& plan) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", plan.bootstrap);
  set(conf, "client.id", "rdkafka");
  set(conf, "enable.idempotence", "true");
  set(conf, "acks", "all");
  set(conf, "linger.ms", "5");
  set(conf, "batch.size", std::to_string(plan.batch_bytes_max));
  set(conf, "partitioner", "murmur2_random");
  set(conf, "delivery.timeout.ms", "120000");
  set(conf, "request.timeout.ms", "8000");  // a frozen leader is left before it thaws …
  set(conf, "socket.timeout.ms", "10000");  // … and this may not be smaller by less than a second
  set(conf, "retry.backoff.ms", "100");
  set(conf, "reconnect.backoff.ms", "100");
  set(conf, "reconnect.backoff.max.ms", "1000");
  set(conf, "topic.metadata.refresh.interval.ms", "2000");
  set(conf, "queue.buffering.max.kbytes", std::to_string(plan.memory_max >> 10));
  // 0 means no bound from 2.2.0 on; the older one wants its largest number.
  set(conf, "queue.buffering.max.messages", rd_kafka_version() >= 0x02020000 ? "0" : "10000000");
  rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
  rd_kafka_conf_set_log_cb(conf, on_log);
  rd_kafka_conf_set_error_cb(conf, on_error);
  return conf;
}

// A full queue is waited for as long as load.cc's callers wait.
Offer offer(rd_kafka_topic_t* topic, const Numbered& record) {
  const auto deadline = Clock::now() + kBlocked;
  do {
    const int refused = rd_kafka_produce(
        topic, record.partition, RD_KAFKA_MSG_F_COPY, const_cast<char*>(record.value.data()),
        record.value.size(), record.key.empty() ? nullptr : record.key.data(), record.key.size(),
        reinterpret_cast<void*>(record.tag));
    if (refused == 0) return Offer::Accepted;
    if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) return Offer::NoTopic;
    std::this_thread::sleep_for(1ms);
  } while (Clock::now() < deadline);
  return Offer::Refused;
}

std::uint64_t accepted_of(const std::deque<Caller>& callers) {
  std::uint64_t sum = 0;
  for (const Caller& caller : callers) sum += caller.accepted();
  return sum;
}

std::string fields_of(const Plan& plan, std::uint64_t accepted, int held) {
  std::ostringstream out;
  out << "\"accepted\": " << accepted << ", \"delivered\": " << fates->count(kDelivered)
      << ", \"dropped\": 0, \"failed\": " << fates->count(kFailed)
      << ", \"unknown\": " << fates->count(kUnknown) << ", \"held\": " << held
      << ", \"clean\": " << (held == 0 ? "true" : "false")
      << ", \"memory_max\": " << plan.memory_max << ", \"version\": \"" << rd_kafka_version_str()
      << "\"";
  return out.str();
}

int run(const Plan& plan) {
  FateFile file(plan.folder + "/fates.bin");
  if (!file.opened()) return complain("cannot write " + plan.folder + "/fates.bin");
  fates = &file;
  char why[256];
  rd_kafka_t* handle = rd_kafka_new(RD_KAFKA_PRODUCER, configuration(plan), why, sizeof why);
  if (handle == nullptr) return complain(why);
  rd_kafka_topic_t* topic = rd_kafka_topic_new(handle, plan.topic.c_str(), nullptr);
  std::jthread poller([handle](const std::stop_token& stop) {
    while (!stop.stop_requested()) rd_kafka_poll(handle, 50);
  });

  std::deque<Caller> callers;
  for (unsigned i = 0; i < plan.threads; ++i) callers.emplace_back(plan, i);
  const auto tell = [&] {
    say_progress({accepted_of(callers), fates->count(kDelivered),
                  static_cast<std::uint64_t>(rd_kafka_outq_len(handle)), 0, 0});
  };
  run_callers(
      callers, [topic](const Numbered& record) { return offer(topic, record); }, tell);
  poller.request_stop();
  poller.join();
  rd_kafka_flush(handle, static_cast<int>(std::chrono::milliseconds(kFlushPatience).count()));
  tell();
  write_report(plan, fields_of(plan, accepted_of(callers), rd_kafka_outq_len(handle)), callers,
               trouble);
  rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(handle);
  return 0;
}

}  // namespace

int main(int count, char** words) {
  return scenario::start(count, words, run);
}
