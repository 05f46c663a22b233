// A transactional producer that does what its standard input says, one word of an answer a line, so
// that a scenario in Python can lead several of them.
//
//   scenario_transactor BOOTSTRAP TRANSACTIONAL_ID [MEMORY_MIB]
//
//   init | begin | commit | abort       the calls
//   send TOPIC COUNT PREFIX             values PREFIX-0 … PREFIX-(COUNT-1), flushed
//   queue TOPIC COUNT PREFIX            the same, not flushed
//   offset GROUP TOPIC PARTITION N      send_offsets_to_transaction
// Answers: ok, or the error's message. At the end of the input: the ledger, as `delivered N dropped
// N failed N unknown N`.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>

#include "spillway/producer.h"

namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 40s;

spillway::Result<void> send(spillway::Producer& producer, std::istream& in, bool flush) {
  std::string name;
  std::string prefix;
  int count = 0;
  in >> name >> count >> prefix;
  auto topic = producer.topic(name);
  if (!topic) return topic.error();
  for (int i = 0; i < count; ++i) {
    const std::string value = prefix + "-" + std::to_string(i);
    if (auto sent = producer.send(*topic, {.value = value}); !sent) return sent;
  }
  if (!flush) return {};
  return producer.flush(kPatience);
}

spillway::Result<void> offset(spillway::Producer& producer, std::istream& in) {
  spillway::GroupMetadata group;
  spillway::CommittedOffset committed;
  in >> group.group_id >> committed.topic >> committed.partition >> committed.offset;
  return producer.send_offsets_to_transaction({&committed, 1}, group, kPatience);
}

spillway::Result<void> obey(spillway::Producer& producer, const std::string& line) {
  std::istringstream in(line);
  std::string verb;
  in >> verb;
  if (verb == "init") return producer.init_transactions(kPatience);
  if (verb == "begin") return producer.begin_transaction();
  if (verb == "commit") return producer.commit_transaction(kPatience);
  if (verb == "abort") return producer.abort_transaction(kPatience);
  if (verb == "offset") return offset(producer, in);
  if (verb == "send" || verb == "queue") return send(producer, in, verb == "send");
  return spillway::Error(spillway::ErrorCode::InvalidArgument, "no such verb: " + verb);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  spillway::Options options;
  options.bootstrap = argv[1];
  options.transactional_id = argv[2];
  options.memory_max = std::size_t{argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 32} << 20;
  options.transaction_timeout = 20s;
  options.delivery_timeout = 30s;
  options.metadata_age_max = 5s;
  auto opened = spillway::Producer::open(options);
  if (!opened) {
    std::fprintf(stderr, "%s\n", opened.error().message().c_str());
    return 1;
  }
  spillway::Producer producer = std::move(*opened);
  for (std::string line; std::getline(std::cin, line);) {
    const auto result = obey(producer, line);
    std::printf("%s\n", result ? "ok" : result.error().message().c_str());
    std::fflush(stdout);
  }
  (void)producer.close(5s);
  const spillway::Ledger ledger = producer.snapshot().ledger;
  std::printf("delivered %llu dropped %llu failed %llu unknown %llu\n",
              static_cast<unsigned long long>(ledger.delivered),
              static_cast<unsigned long long>(ledger.dropped),
              static_cast<unsigned long long>(ledger.failed),
              static_cast<unsigned long long>(ledger.unknown));
  return 0;
}
