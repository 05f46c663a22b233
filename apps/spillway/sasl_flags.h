// Flags that say who we are. No password stands on a command line, where every user of the machine
// can read it.
#pragma once

#include <CLI/App.hpp>

#include "spillway/options.h"
#include "testing/dev_broker/dev_broker.h"

namespace spillway::cli {

// --sasl-mechanism --sasl-username --sasl-password-file --sasl-token-file. The first of them turns
// SASL on; the password may also come from SPILLWAY_SASL_PASSWORD.
void add_sasl_flags(CLI::App& app, Options& options);

// --sasl-user --sasl-token --sasl-session: who may log in to the dev broker, and for how long.
void add_sasl_broker_flags(CLI::App& app, dev::SaslSettings& settings);

}  // namespace spillway::cli
