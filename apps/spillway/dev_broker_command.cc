#include "apps/spillway/dev_broker_command.h"

#include <poll.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "apps/spillway/console.h"
#include "apps/spillway/sasl_flags.h"
#include "apps/spillway/signals.h"
#include "apps/spillway/tls_flags.h"
#include "testing/dev_broker/dev_broker.h"

namespace spillway::cli {
namespace {

constexpr std::uint16_t kPortDefault = 9092;
constexpr std::uint64_t kPortMax = 65535;
constexpr int kStopCheckMs = 200;  // only when the system had no descriptor for Signals::fd()

std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t limit) {
  std::uint64_t number = 0;
  const auto [rest, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc{} || rest != text.data() + text.size() || number > limit) return {};
  return number;
}

// HOST:PORT, [IPV6]:PORT.
bool parse_listen(const std::string& text, dev::DevBrokerOptions& options) {
  const auto colon = text.rfind(':');
  if (colon == text.npos || colon == 0) return false;
  const auto port = parse_number(std::string_view(text).substr(colon + 1), kPortMax);
  if (!port) return false;
  std::string host = text.substr(0, colon);
  if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  options.host = host;
  options.port = static_cast<std::uint16_t>(*port);
  return !host.empty();
}

// NAME:PARTITIONS, or NAME for one partition.
bool parse_topic(const std::string& text, dev::DevBrokerOptions& options) {
  const auto colon = text.rfind(':');
  if (colon == text.npos) {
    options.topics.push_back({text, 1});
    return !text.empty();
  }
  const auto partitions =
      parse_number(std::string_view(text).substr(colon + 1), dev::DevCluster::kPartitionsMax);
  if (!partitions || *partitions == 0 || colon == 0) return false;
  options.topics.push_back({text.substr(0, colon), static_cast<std::int32_t>(*partitions)});
  return true;
}

void wait_for_signal() {
  while (!Signals::stop()) {
    pollfd wanted{Signals::fd(), POLLIN, 0};
    ::poll(&wanted, 1, Signals::fd() < 0 ? kStopCheckMs : -1);
  }
}

int run(const dev::DevBrokerOptions& options) {
  dev::DevBroker broker(options);
  if (!broker.error().empty()) {
    Console("spillway dev-broker")
        .say(broker.error() + "; choose others with --listen, --nodes or --topic");
    return kExitFailed;
  }
  std::printf("ready bootstrap=%s nodes=%d\n", broker.bootstrap().c_str(), options.nodes);
  std::fflush(stdout);
  wait_for_signal();
  return kExitDone;
}

void add_listen(CLI::App& app, dev::DevBrokerOptions& options) {
  app.add_option_function<std::string>(
         "--listen",
         [&options](const std::string& text) {
           if (parse_listen(text, options)) return;
           throw CLI::ValidationError("--listen", "'" + text +
                                                      "' is not an address: write HOST:PORT, port "
                                                      "0 for a free one");
         },
         "where node 1 listens; the others take the ports that follow")
      ->type_name("HOST:PORT")
      ->default_str("127.0.0.1:9092");
}

void add_topics(CLI::App& app, dev::DevBrokerOptions& options) {
  app.add_option_function<std::vector<std::string>>(
         "--topic",
         [&options](const std::vector<std::string>& texts) {
           options.topics.clear();
           for (const std::string& text : texts) {
             if (parse_topic(text, options)) continue;
             throw CLI::ValidationError(
                 "--topic", "'" + text + "' is not a topic: write NAME:PARTITIONS, such as logs:4");
           }
         },
         "a topic to begin with; may be repeated")
      ->type_name("NAME:PARTITIONS");
}

// API=VERSION; -1 takes the API away.
bool parse_cap(const std::string& text, dev::DevBrokerOptions& options) {
  constexpr std::array<std::pair<std::string_view, wire::ApiKey>, 5> kApis{
      {{"ApiVersions", wire::ApiKey::kApiVersions},
       {"Metadata", wire::ApiKey::kMetadata},
       {"Produce", wire::ApiKey::kProduce},
       {"InitProducerId", wire::ApiKey::kInitProducerId},
       {"Fetch", wire::ApiKey::kFetch}}};
  const auto equals = text.find('=');
  if (equals == text.npos) return false;
  const std::string_view version = std::string_view(text).substr(equals + 1);
  const auto number = version == "-1" ? std::optional<std::uint64_t>(0) : parse_number(version, 99);
  for (const auto& [name, api] : kApis) {
    if (!number || text.substr(0, equals) != name) continue;
    options.version_caps[api] =
        version == "-1" ? std::int16_t{-1} : static_cast<std::int16_t>(*number);
    return true;
  }
  return false;
}

void add_caps(CLI::App& app, dev::DevBrokerOptions& options) {
  app.add_option_function<std::vector<std::string>>(
         "--version-cap",
         [&options](const std::vector<std::string>& texts) {
           for (const std::string& text : texts) {
             if (parse_cap(text, options)) continue;
             throw CLI::ValidationError(
                 "--version-cap",
                 "'" + text + "' is not a cap: write API=VERSION, such as Produce=7");
           }
         },
         "speak no higher version of ApiVersions, Metadata, Produce, InitProducerId or Fetch; -1: "
         "not "
         "at all; may be repeated")
      ->type_name("API=VERSION")
      ->allow_extra_args(false);
}

}  // namespace

Command add_dev_broker_command(CLI::App& root) {
  auto options = std::make_shared<dev::DevBrokerOptions>();
  options->port = kPortDefault;
  CLI::App* app = root.add_subcommand("dev-broker", "a small Kafka in memory, for development");
  add_listen(*app, *options);
  add_topics(*app, *options);
  app->add_option("--nodes", options->nodes, "brokers, all in this process")
      ->type_name("N")
      ->check(CLI::Range(1, dev::DevCluster::kNodesMax))
      ->default_str("1");
  app->add_flag("--null", options->null, "acknowledge without checking or keeping anything");
  add_bytes(*app, "--log-bytes-max", options->log_bytes_max,
            "keep at most this; the oldest batches go")
      ->type_name("SIZE")
      ->default_str("256MiB");
  add_caps(*app, *options);
  app->add_flag("--auto-create", options->auto_create, "make topics that clients ask for");
  add_tls_broker_flags(*app, options->tls);
  add_sasl_broker_flags(*app, options->sasl);
  return {app, [options] { return run(*options); }};
}

}  // namespace spillway::cli
