#include "apps/spillway/flags.h"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/spillway/sasl_flags.h"
#include "apps/spillway/tls_flags.h"
#include "apps/spillway/units.h"

namespace spillway::cli {
namespace {

template <typename T>
using Words = std::vector<std::pair<std::string, T>>;

std::string quoted(const std::string& text) {
  return "'" + text + "'";
}

template <typename T>
std::string list_of(const Words<T>& words) {
  std::string list;
  for (const auto& word : words) list += (list.empty() ? "" : ", ") + word.first;
  return list;
}

template <typename T, typename Set>
CLI::Option* add_words(CLI::App& app, const std::string& name, const Words<T>& words, Set set,
                       const std::string& help) {
  return app.add_option_function<std::string>(
      name,
      [=](const std::string& text) {
        for (const auto& [word, value] : words) {
          if (word == text) return set(value);
        }
        throw CLI::ValidationError(name,
                                   quoted(text) + " is not one of its words: " + list_of(words));
      },
      help);
}

// "zstd" or "zstd:9".
bool parse_compression(std::string_view text, Compression& value) {
  const Words<Codec> words{{"none", Codec::None},
                           {"gzip", Codec::Gzip},
                           {"snappy", Codec::Snappy},
                           {"lz4", Codec::Lz4},
                           {"zstd", Codec::Zstd}};
  const std::size_t colon = std::min(text.find(':'), text.size());
  Compression chosen;
  for (const auto& [word, codec] : words) {
    if (word != text.substr(0, colon)) continue;
    chosen.codec = codec;
    const std::string_view level = text.substr(std::min(colon + 1, text.size()));
    const auto [rest, problem] =
        std::from_chars(level.data(), level.data() + level.size(), chosen.level);
    if (colon != text.size() && (problem != std::errc{} || rest != level.data() + level.size()))
      return false;
    value = chosen;
    return true;
  }
  return false;
}

void add_compression(CLI::App& app, Compression& value) {
  app.add_option_function<std::string>(
         "--compression",
         [&value](const std::string& text) {
           if (!parse_compression(text, value))
             throw CLI::ValidationError("--compression",
                                        quoted(text) +
                                            " is not none, gzip, snappy, lz4 or zstd, with or "
                                            "without a level, as in zstd:9");
         },
         "pack batches before they are sent")
      ->type_name("CODEC[:LEVEL]")
      ->default_str("none");
}

}  // namespace

CLI::Option* add_bytes(CLI::App& app, const std::string& name, std::size_t& value,
                       const std::string& help) {
  return app.add_option_function<std::string>(
      name,
      [name, &value](const std::string& text) {
        const auto bytes = parse_bytes(text);
        if (!bytes) throw CLI::ValidationError(name, quoted(text) + " " + std::string(kBytesHint));
        value = *bytes;
      },
      help);
}

CLI::Option* add_duration(CLI::App& app, const std::string& name, std::chrono::milliseconds& value,
                          const std::string& help) {
  return app.add_option_function<std::string>(
      name,
      [name, &value](const std::string& text) {
        const auto time = parse_duration(text);
        if (!time) {
          throw CLI::ValidationError(name, quoted(text) + " " + std::string(kDurationHint));
        }
        value = *time;
      },
      help);
}

CLI::Option* add_count(CLI::App& app, const std::string& name, std::uint64_t& value,
                       std::uint64_t limit, const std::string& help) {
  return app.add_option_function<std::string>(
      name,
      [name, &value, limit](const std::string& text) {
        std::uint64_t count = 0;
        const char* end = text.data() + text.size();
        const auto [rest, problem] = std::from_chars(text.data(), end, count);
        if (problem != std::errc{} || rest != end || count > limit) {
          throw CLI::ValidationError(
              name, quoted(text) + " is not a whole number from 0 to " + std::to_string(limit));
        }
        value = count;
      },
      help);
}

void add_target_flags(CLI::App& app, SessionOptions& options) {
  app.add_option("--bootstrap", options.producer.bootstrap,
                 "Kafka brokers to start from, tried in turn; needed, here or in --config")
      ->type_name("HOST:PORT[,HOST:PORT]");
  app.add_option("--topic", options.topic, "where the records go; needed")->type_name("TOPIC");
}

void require_target(const CLI::App& app, const SessionOptions& options) {
  const bool brokers = app.count("--bootstrap") > 0 || !options.producer.bootstrap.empty();
  if (!brokers) throw CLI::RequiredError("--bootstrap");
  if (app.count("--topic") == 0) throw CLI::RequiredError("--topic");
}

void add_producer_flags(CLI::App& app, Options& options) {
  add_bytes(app, "--memory", options.memory_max, "never hold more than this")
      ->type_name("SIZE")
      ->default_str("64MiB");
  add_when_full(app, options.when_full, "block");
  add_duration(app, "--block-deadline", options.block_deadline,
               "with block: how long one record waits for room")
      ->type_name("TIME")
      ->default_str("60s");
  const auto set_acks = [&options](Acks acks) {
    options.acks = acks;
    options.idempotence = acks == Acks::All;
  };
  add_words<Acks>(app, "--acks", {{"all", Acks::All}, {"1", Acks::Leader}, {"0", Acks::None}},
                  set_acks, "who confirms: all replicas (no duplicates), the leader, or nobody")
      ->type_name("all|1|0")
      ->default_str("all");
  add_compression(app, options.compression);
  app.add_flag("--compression-thread", options.compression_thread,
               "pack on a thread of its own: worth it when a core is free");
  add_duration(app, "--linger", options.linger, "how long a record waits for company")
      ->type_name("TIME")
      ->default_str("5ms");
  add_duration(app, "--delivery-timeout", options.delivery_timeout,
               "a record older than this has failed; 0: never")
      ->type_name("TIME")
      ->default_str("120s");
  add_tls_flags(app, options);
  add_sasl_flags(app, options);
}

CLI::Option* add_when_full(CLI::App& app, WhenFull& value, const std::string& shown) {
  const Words<WhenFull> words{{"block", WhenFull::Block},
                              {"drop-oldest", WhenFull::DropOldest},
                              {"fail-fast", WhenFull::FailFast}};
  return add_words<WhenFull>(
             app, "--when-full", words, [&value](WhenFull policy) { value = policy; },
             "no room: wait, drop the oldest unsent record, or refuse the new one")
      ->type_name("block|drop-oldest|fail-fast")
      ->default_str(shown);
}

void add_report_flags(CLI::App& app, SessionOptions& options) {
  app.add_option("--ledger", options.ledger_path, "write the ledger there, as JSON")
      ->type_name("FILE");
  add_words<ProgressMode>(
      app, "--progress", {{"auto", ProgressMode::Auto}, {"off", ProgressMode::Off}},
      [&options](ProgressMode mode) { options.progress = mode; },
      "on standard error: a live view on a terminal, a line a second elsewhere")
      ->type_name("auto|off")
      ->default_str("auto");
}

}  // namespace spillway::cli
