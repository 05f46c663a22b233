// docs/configuration.md, written from the table that the parser reads.
#include <string>

#include "apps/spillway/config_command.h"
#include "apps/spillway/kafka_settings.h"

namespace spillway::cli {
namespace {

constexpr std::string_view kIntroduction =
    R"(# Kafka's settings by their own names

<!-- Written by `spillway config --page`; a test compares. The table is
     apps/spillway/kafka_settings.cc. -->

`spillway produce`, `bench`, `demo` and `verifiable-producer` take the settings that users of
Kafka know, Java's names and librdkafka's:

    spillway produce --config producer.properties -X linger.ms=20 --topic events

- **A file** (`--config`) is read as `java.util.Properties` reads it: `name=value` or `name:
  value`, comments with `#` or `!`, a backslash at the end of a line continues it, `\t \n \\
  \uXXXX` are escapes. Bytes above 127 are an error outside of comments, because Java and others
  read them differently. At most 1 MiB, 64 KiB a setting.
- **Who wins:** a flag of the command line over `-X`, `-X` over the file. Within the file, and
  among `-X`, one option said twice in different ways is an error, also under two names.
- **Nothing is ignored.** An unknown name is an error that names the nearest known one; so is a
  setting that cannot be honoured, unless its value is what Spillway does anyway.
- **Secrets** (passwords, tokens, login lines) appear in no message. After `-X` other users of the
  machine can see them: keep them in a file.
- `spillway config --config FILE` checks a file and sends nothing.

The library has typed options (`include/spillway/options.h`) and reads no files.

These contradict each other, and are errors: `enable.idempotence=true` with `acks` other than
`all`, or with more than 5 requests in flight; `delivery.timeout.ms` below `linger.ms` +
`request.timeout.ms`; a compression level for another codec than `compression.type`; `ssl.*` where
`security.protocol` is not `SSL` or `SASL_SSL`; `sasl.*` where it is not `SASL_SSL` or
`SASL_PLAINTEXT`; a certificate without a key; a Java store that is not of type `PEM`; a login
module that does not fit the mechanism.
)";

std::string names_of(const Setting& setting) {
  std::string cell;
  std::string_view names = setting.names;
  while (!names.empty()) {
    cell += (cell.empty() ? "`" : ", `") + std::string(take_name(names)) + "`";
  }
  return cell;
}

std::string world_of(const Setting& setting) {
  if (setting.world == Setting::kBoth) return "both";
  return setting.world == Setting::kJava ? "Java" : "librdkafka";
}

std::string ways_of(const Setting& setting) {
  if (setting.values == "*") return "any";
  std::string cell;
  std::string_view ways = setting.values;
  while (!ways.empty()) {
    const auto end = std::min(ways.find('|'), ways.size());
    cell += (cell.empty() ? "`" : " or `") + std::string(ways.substr(0, end)) + "`";
    ways.remove_prefix(std::min(end + 1, ways.size()));
  }
  return cell;
}

std::string row(std::initializer_list<std::string> cells) {
  std::string line = "|";
  for (const std::string& cell : cells) line += " " + cell + (cell.empty() ? "|" : " |");
  return line + "\n";
}

std::string quoted(std::string_view text) {
  return text.empty() ? std::string() : "`" + std::string(text) + "`";
}

std::string honoured_rows() {
  std::string rows = row({"name", "of", "sets", "flag that wins", "values", "to know"}) +
                     row({"---", "---", "---", "---", "---", "---"});
  for (const Setting& each : kafka_settings()) {
    if (!each.honoured()) continue;
    rows += row({names_of(each), world_of(each), std::string(each.option), quoted(each.flag),
                 std::string(each.values), std::string(each.note)});
  }
  return rows;
}

std::string fixed_rows() {
  std::string rows =
      row({"name", "of", "taken value", "why no other"}) + row({"---", "---", "---", "---"});
  for (const Setting& each : kafka_settings()) {
    if (each.honoured() || each.values.empty()) continue;
    rows += row({names_of(each), world_of(each), ways_of(each), std::string(each.note)});
  }
  return rows;
}

std::string refused_rows() {
  std::string rows = row({"name", "of", "why not"}) + row({"---", "---", "---"});
  for (const Setting& each : kafka_settings()) {
    if (each.honoured() || !each.values.empty()) continue;
    rows += row({names_of(each), world_of(each), std::string(each.note)});
  }
  return rows;
}

}  // namespace

std::string configuration_page() {
  return std::string(kIntroduction) + "\n## Honoured\n" + honoured_rows() +
         "\n## Taken where the value is what Spillway does anyway\n" + fixed_rows() +
         "\n## Refused\n" + refused_rows();
}

}  // namespace spillway::cli
