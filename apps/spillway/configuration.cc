#include "apps/spillway/configuration.h"

#include <algorithm>
#include <utility>

#include "apps/spillway/kafka_settings.h"
#include "apps/spillway/kafka_values.h"
#include "apps/spillway/properties.h"

namespace spillway::cli {
namespace {

constexpr int kRankFile = 0;
constexpr int kRankAssignment = 1;
constexpr std::size_t kShownMax = 80;
constexpr std::size_t kBatchBytesMin = 1024;  // what the library takes

// Only what can be a name or a plain value is shown: the rest may be a secret in the wrong place.
std::string shown(std::string_view text) {
  const bool plain =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 127; });
  if (!plain || text.size() > kShownMax) return "that value";
  return "'" + std::string(text) + "'";
}

bool can_be_name(std::string_view text) {
  return text.size() <= kShownMax && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == '-';
         });
}

std::string unknown(std::string_view name, const std::string& place) {
  if (!can_be_name(name)) return place + " has no name that Kafka knows";
  std::string sentence = place + ": there is no setting " + std::string(name);
  const std::string_view nearest = nearest_setting(name);
  if (!nearest.empty()) sentence += "; did you mean " + std::string(nearest) + "?";
  return sentence;
}

bool is_our_way(const Setting& setting, std::string_view value) {
  if (setting.values == "*") return true;
  std::string_view ways = setting.values;
  while (!ways.empty()) {
    const auto end = std::min(ways.find('|'), ways.size());
    if (values::equal_words(ways.substr(0, end), values::trim(value))) return true;
    ways.remove_prefix(std::min(end + 1, ways.size()));
  }
  return false;
}

std::string refusal(const Setting& setting, const std::string& name) {
  std::string sentence = name + " cannot be honoured: " + std::string(setting.note);
  if (setting.values.empty()) return sentence;
  return sentence + "; only " + std::string(setting.values.substr(0, setting.values.find('|'))) +
         " is what Spillway does";
}

using Check = std::optional<std::string>;

Check check_delivery(Draft& draft) {
  Options& options = draft.options;
  if (draft.idempotence == true && options.acks != Acks::All) {
    return "enable.idempotence is true but acks is not all: only what all replicas have is free of "
           "duplicates";
  }
  options.idempotence = draft.idempotence.value_or(options.acks == Acks::All);
  if (options.idempotence && options.in_flight_max > 5) {
    return "max.in.flight.requests.per.connection is above 5, but brokers remember 5 batches of an "
           "idempotent producer; enable.idempotence false allows more";
  }
  if (draft.delivery_timeout == options.delivery_timeout &&
      options.delivery_timeout < options.linger + options.request_timeout) {
    return "delivery.timeout.ms is below linger.ms + request.timeout.ms, so no record could be "
           "tried once to the end";
  }
  const std::size_t batch_room = std::max(options.record_bytes_max, kBatchBytesMin);
  if (draft.request_size) options.batch_bytes_max = std::min(options.batch_bytes_max, batch_room);
  return {};
}

Check check_compression(const Draft& draft) {
  const Compression& compression = draft.options.compression;
  if (compression.level == Compression::kLevelDefault) return {};
  if (draft.level_codec && *draft.level_codec != compression.codec) {
    return "a compression level is set for another codec than compression.type";
  }
  if (compression.codec == Codec::None) return "a compression level is set but no compression.type";
  return {};
}

Check check_tls(Draft& draft, bool secure) {
  if (!draft.tls_set) {
    if (secure) draft.options.tls = draft.tls;
    return {};
  }
  if (!secure) {
    return "ssl settings are given but security.protocol is not SSL or SASL_SSL, so they would "
           "protect nothing";
  }
  if (draft.truststore && draft.truststore_type != StoreType::Pem) {
    return "ssl.truststore.location needs ssl.truststore.type PEM: Java's own stores cannot be "
           "read";
  }
  if (draft.keystore && draft.keystore_type != StoreType::Pem) {
    return "ssl.keystore.location needs ssl.keystore.type PEM: Java's own stores cannot be read";
  }
  if (draft.tls.certificate.empty() != draft.tls.key.empty()) {
    return "a client certificate and its key are given both or not at all";
  }
  draft.options.tls = draft.tls;
  return {};
}

Check check_sasl(Draft& draft, bool authenticated) {
  if (!authenticated) {
    if (!draft.sasl_set) return {};
    return "sasl settings are given but security.protocol is not SASL_SSL or SASL_PLAINTEXT, so "
           "nobody would be asked";
  }
  if (!draft.mechanism_set) return "security.protocol asks for SASL: set sasl.mechanism";
  const SaslMechanism mechanism = draft.sasl.mechanism;
  const bool plain = mechanism == SaslMechanism::Plain;
  const bool scram =
      mechanism == SaslMechanism::ScramSha256 || mechanism == SaslMechanism::ScramSha512;
  if (draft.jaas_plain && (*draft.jaas_plain ? !plain : !scram)) {
    return "the login module of sasl.jaas.config does not fit sasl.mechanism";
  }
  if ((plain || scram) && draft.sasl.username.empty()) {
    return "the mechanism needs a user: set sasl.username and sasl.password, or sasl.jaas.config";
  }
  draft.options.sasl = draft.sasl;
  return {};
}

Check check(Draft& draft) {
  // What flags have switched on stays on, whatever the protocol says.
  const bool secure = draft.options.tls || draft.protocol == SecurityProtocol::Ssl ||
                      draft.protocol == SecurityProtocol::SaslSsl;
  const bool authenticated = draft.options.sasl ||
                             draft.protocol == SecurityProtocol::SaslPlaintext ||
                             draft.protocol == SecurityProtocol::SaslSsl;
  if (auto problem = check_delivery(draft)) return problem;
  if (auto problem = check_compression(draft)) return problem;
  if (auto problem = check_tls(draft, secure)) return problem;
  return check_sasl(draft, authenticated);
}

}  // namespace

std::optional<std::string> Configuration::add(Entry entry) {
  const Setting* setting = find_setting(entry.name);
  if (setting == nullptr) return unknown(entry.name, entry.place);
  if (!setting->honoured() && !is_our_way(*setting, entry.value)) {
    return entry.place + ": " + refusal(*setting, entry.name);
  }
  entries_.push_back(std::move(entry));
  return {};
}

std::optional<std::string> Configuration::add_file(const std::string& path) {
  Properties properties = read_properties(path);
  if (!properties.problem.empty()) return path + " " + properties.problem;
  for (Property& each : properties.list) {
    std::string place = path + ", line " + std::to_string(each.line);
    if (auto problem = add({each.name, each.value, std::move(place), kRankFile})) return problem;
  }
  return {};
}

std::optional<std::string> Configuration::add_assignment(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == text.npos || equals == 0) return "needs NAME=VALUE";
  if (entries_.size() >= kAssignmentsMax) return "is given too often";
  return add({text.substr(0, equals), text.substr(equals + 1), "-X", kRankAssignment});
}

// One entry per option. Two of the same rank must agree, whichever name they use.
std::vector<const Configuration::Entry*> Configuration::winners(
    std::optional<std::string>& problem) const {
  std::vector<const Entry*> list;
  for (const Entry& entry : entries_) {
    const Setting* setting = find_setting(entry.name);
    if (!setting->honoured()) continue;
    const auto same = std::find_if(list.begin(), list.end(), [setting](const Entry* other) {
      return find_setting(other->name)->option == setting->option;
    });
    if (same == list.end()) {
      list.push_back(&entry);
    } else if ((*same)->rank != entry.rank) {
      if ((*same)->rank < entry.rank) *same = &entry;
    } else if (find_setting((*same)->name) != setting || (*same)->value != entry.value) {
      problem = entry.place + ": " + entry.name + " and " + (*same)->name + " (" + (*same)->place +
                ") set the same option; keep one";
      return {};
    }
  }
  return list;
}

std::optional<std::string> Configuration::apply(Options& options,
                                                const FlagGiven& flag_given) const {
  if (entries_.empty()) return {};
  Draft draft;
  draft.options = options;
  draft.tls = options.tls.value_or(Tls{});
  draft.sasl = options.sasl.value_or(Sasl{});
  std::optional<std::string> problem;
  for (const Entry* entry : winners(problem)) {
    const Setting* setting = find_setting(entry->name);
    const bool overruled = !setting->flag.empty() && flag_given(setting->flag);
    Draft unused;  // what a flag overrules must be right all the same
    const Problem wrong = setting->apply(overruled ? unused : draft, entry->value);
    if (!wrong) continue;
    return entry->place + ": " + entry->name + ": " +
           (setting->secret ? "its value" : shown(entry->value)) + " " + *wrong;
  }
  // A login line and a store set two things at once; a flag may have said one of them.
  if (flag_given("--sasl-password-file")) draft.sasl.password = options.sasl->password;
  if (flag_given("--tls-key")) draft.tls.key = options.tls->key;
  draft.mechanism_set = draft.mechanism_set || flag_given("--sasl-mechanism");
  if (!problem) problem = check(draft);
  if (!problem) options = std::move(draft.options);
  return problem;
}

bool Configuration::tolerate_retries() {
  const auto removed = std::erase_if(entries_, [](const Entry& entry) {
    return find_setting(entry.name)->option == "retries" &&
           values::whole_number(entry.value).value_or(-1) >= 0;
  });
  return removed > 0;
}

}  // namespace spillway::cli
