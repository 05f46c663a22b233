// --config FILE and -X NAME=VALUE: settings by the names that users of Kafka know.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spillway/options.h"

namespace spillway::cli {

// What is said on the command line wins over what -X says, and that over the file. Everything else
// that contradicts itself is a problem, and so is a name that is unknown or cannot be honoured.
// A problem is a sentence without its full stop; the value of a secret is in none.
class Configuration {
 public:
  static constexpr std::size_t kAssignmentsMax = 1000;  // of -X

  // Sorted in by precedence, whatever the order of the calls.
  std::optional<std::string> add_file(const std::string& path);
  std::optional<std::string> add_assignment(const std::string& text);

  // Leaves out what a flag has said; `flag_given` is asked with "--linger". `options` changes only
  // on success.
  using FlagGiven = std::function<bool(std::string_view flag)>;
  std::optional<std::string> apply(Options& options, const FlagGiven& flag_given) const;

  // Kafka's system tests set any number of retries: forgets it. True if there was one, for the
  // caller to say so.
  [[nodiscard]] bool tolerate_retries();

 private:
  struct Entry {
    std::string name;
    std::string value;
    std::string place;  // "producer.properties, line 3", "-X"
    int rank;           // a higher one wins
  };

  std::optional<std::string> add(Entry entry);
  [[nodiscard]] std::vector<const Entry*> winners(std::optional<std::string>& problem) const;

  std::vector<Entry> entries_;
};

}  // namespace spillway::cli
