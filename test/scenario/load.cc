// Sends numbered records through the public API until SIGTERM and writes down the fate of each, so
// that a checker that shares nothing with the library can compare them with what the topic holds.
// Arguments, records and files: load.h.
#include "load.h"

#include <mutex>
#include <sstream>

#include "spillway/producer.h"

namespace {

using namespace scenario;

FateFile* fates = nullptr;  // a callback has one context word, and the record's number needs it

// Only the I/O thread calls it, since records are never dropped by callers.
void on_fate(void* context, const spillway::Delivery& delivery) noexcept {
  fates->add(reinterpret_cast<std::uintptr_t>(context), delivery.offset, delivery.partition,
             delivery.kafka_error, static_cast<std::uint8_t>(delivery.fate));
}

class Events : public spillway::Observer {
 public:
  void on_event(spillway::Severity, std::string_view sentence) noexcept override {
    std::printf("event %.*s\n", static_cast<int>(sentence.size()), sentence.data());
    std::fflush(stdout);
  }
};

// The first refusal that no scenario provokes. It ends the load.
class Trouble {
 public:
  void report(const spillway::Error& error) {
    const std::lock_guard lock(mutex_);
    if (sentence_.empty()) sentence_ = error.message();
    stop_asked = true;
  }
  std::string sentence() {
    const std::lock_guard lock(mutex_);
    return sentence_;
  }

 private:
  std::mutex mutex_;
  std::string sentence_;
};

Offer offer(spillway::Producer& producer, spillway::Topic topic, Trouble& trouble,
            const Numbered& numbered) {
  spillway::Record record;
  record.value = numbered.value;
  if (!numbered.key.empty()) record.key = numbered.key;
  if (numbered.partition >= 0) record.partition = numbered.partition;
  const auto sent = producer.send(topic, record, {on_fate, reinterpret_cast<void*>(numbered.tag)});
  if (sent.ok()) return Offer::Accepted;
  if (sent.code() == spillway::ErrorCode::UnknownTopic) return Offer::NoTopic;
  const auto action = sent.error().action();
  if (action == spillway::Action::Fix || action == spillway::Action::Fatal)
    trouble.report(sent.error());
  return Offer::Refused;
}

void tell(const spillway::Producer& producer) {
  const auto now = producer.snapshot();
  say_progress({now.ledger.accepted, now.ledger.delivered, now.ledger.held, now.memory.used,
                static_cast<int>(now.level)});
}

std::string fields_of(const spillway::Snapshot& end, bool clean) {
  const auto& ledger = end.ledger;
  std::ostringstream out;
  out << "\"accepted\": " << ledger.accepted << ", \"delivered\": " << ledger.delivered
      << ", \"dropped\": " << ledger.dropped << ", \"failed\": " << ledger.failed
      << ", \"unknown\": " << ledger.unknown << ", \"held\": " << ledger.held
      << ", \"clean\": " << (clean ? "true" : "false") << ", \"memory_max\": " << end.memory.budget
      << ", \"memory_peak\": " << end.memory.used_peak
      << ", \"batches_retried\": " << end.batches_retried
      << ", \"epoch_bumps\": " << end.epoch_bumps;
  return out.str();
}

int run(const Plan& plan) {
  FateFile file(plan.folder + "/fates.bin");
  if (!file.opened()) return complain("cannot write " + plan.folder + "/fates.bin");
  fates = &file;
  Events events;
  spillway::Options options;
  options.bootstrap = plan.bootstrap;
  options.memory_max = plan.memory_max;
  options.batch_bytes_max = plan.batch_bytes_max;
  options.block_deadline = kBlocked;
  options.metadata_age_max = 2'000ms;  // added partitions are found while the test still runs
  options.request_timeout = 8'000ms;   // a frozen leader is left before it thaws
  options.observer = &events;
  auto opened = spillway::Producer::open(options);
  if (!opened.ok()) return complain(opened.error().message());
  auto& producer = opened.value();
  auto topic = producer.topic(plan.topic);
  if (!topic.ok()) return complain(topic.error().message());

  Trouble trouble;
  std::deque<Caller> callers;
  for (unsigned i = 0; i < plan.threads; ++i) callers.emplace_back(plan, i);
  run_callers(
      callers, [&](const Numbered& record) { return offer(producer, *topic, trouble, record); },
      [&] { tell(producer); });
  const bool flushed = producer.flush(kFlushPatience).ok();
  const auto closed = producer.close(1s);
  const bool clean = flushed && closed.ok();
  tell(producer);
  write_report(plan, fields_of(producer.snapshot(), clean), callers, trouble.sentence());
  return 0;
}

}  // namespace

int main(int count, char** words) {
  return scenario::start(count, words, run);
}
