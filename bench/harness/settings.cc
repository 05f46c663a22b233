#include "harness/settings.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string_view>

namespace spillway::bench {
namespace {

[[noreturn]] void refuse(std::string_view name, std::string_view value) {
  std::fprintf(stderr, "bench: --%.*s does not take '%.*s'\n", static_cast<int>(name.size()),
               name.data(), static_cast<int>(value.size()), value.data());
  std::exit(2);
}

using Setter = std::function<bool(std::string_view)>;

template <typename Number>
Setter number(Number& target) {
  return [&target](std::string_view text) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), target);
    return error == std::errc{} && end == text.data() + text.size();
  };
}

Setter text(std::string& target) {
  return [&target](std::string_view value) {
    target = value;
    return !value.empty();
  };
}

template <typename Choice>
Setter choice(Choice& target, std::map<std::string_view, Choice> words) {
  return [&target, words = std::move(words)](std::string_view value) {
    const auto found = words.find(value);
    if (found != words.end()) target = found->second;
    return found != words.end();
  };
}

std::map<std::string_view, Setter> setters(Settings& s) {
  return {
      {"bootstrap", text(s.bootstrap)},
      {"topic", text(s.topic)},
      {"mode", choice<Mode>(s.mode, {{"throughput", Mode::Throughput},
                                     {"send_latency", Mode::SendLatency},
                                     {"ack_latency", Mode::AckLatency},
                                     {"hold", Mode::Hold}})},
      {"spread",
       choice<Spread>(s.spread, {{"sticky", Spread::Sticky}, {"round_robin", Spread::RoundRobin}})},
      {"records", number(s.records)},
      {"warm-up", number(s.warm_up)},
      {"size", number(s.size)},
      {"payload-file", text(s.payload_file)},
      {"key-size", number(s.key_size)},
      {"headers", number(s.headers)},
      {"header-size", number(s.header_size)},
      {"partitions", number(s.partitions)},
      {"threads", number(s.threads)},
      {"rate", number(s.rate)},
      {"seconds", number(s.seconds)},
      {"quiet-seconds", number(s.quiet_seconds)},
      {"settle-seconds", number(s.settle_seconds)},
      {"linger-ms", number(s.linger_ms)},
      {"memory-bytes", number(s.memory_bytes)},
      {"batch-bytes", number(s.batch_bytes)},
      {"when-full", text(s.when_full)},
      {"acks", number(s.acks)},
      {"compression", text(s.compression)},
      {"tls-ca", text(s.tls_ca)},
      {"idempotent", choice<bool>(s.idempotent, {{"true", true}, {"false", false}})},
  };
}

}  // namespace

Settings settings_from(int argc, char** argv) {
  Settings settings;
  const auto known = setters(settings);
  for (int i = 1; i < argc; ++i) {
    std::string_view name = argv[i];
    if (name == "--steered") {
      settings.steered = true;
      continue;
    }
    name.remove_prefix(name.starts_with("--") ? 2 : 0);
    const auto setter = known.find(name);
    if (setter == known.end() || i + 1 == argc) refuse(name, i + 1 == argc ? "" : argv[i + 1]);
    if (!setter->second(argv[++i])) refuse(name, argv[i]);
  }
  if (settings.threads == 0 || settings.partitions == 0 || settings.rate < 1000) {
    refuse("threads, --partitions or --rate", "less than 1, 1 and 1000");
  }
  return settings;
}

}  // namespace spillway::bench
