// `spillway config`, and the two flags that give every producing command Kafka's settings.
#pragma once

#include <functional>
#include <string>

#include "apps/spillway/configuration.h"
#include "apps/spillway/flags.h"

namespace spillway::cli {

Command add_config_command(CLI::App& root);

// --config FILE and -X NAME=VALUE. They are applied when the whole command line has been read, and
// what is wrong ends the parse. `finish`, if given, has the last word before that.
void add_config_flags(CLI::App& app, Options& options, std::function<void()> finish = {});

// docs/configuration.md.
[[nodiscard]] std::string configuration_page();

}  // namespace spillway::cli
