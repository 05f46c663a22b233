// "host:port,host:port" as the user wrote it.
#pragma once

#include <string_view>
#include <vector>

#include "net/transport.h"
#include "spillway/error.h"
#include "spillway/options.h"

namespace spillway {

// Brackets around an IPv6 address, port 9092 if there is none. Error: InvalidOption, naming the
// part.
Result<std::vector<Endpoint>> parse_bootstrap(std::string_view text);

// Everything that can be wrong with options before memory is planned. Error: InvalidOption, naming
// the option and what it may be.
Result<void> check_options(const Options& options);

}  // namespace spillway
