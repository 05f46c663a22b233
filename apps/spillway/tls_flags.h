// --tls and what belongs to it.
#pragma once

#include <CLI/App.hpp>

#include "spillway/options.h"
#include "testing/dev_broker/tls_stream.h"

namespace spillway::cli {

// --tls --tls-ca --tls-cert --tls-key --tls-key-password-file --tls-insecure-no-verify.
void add_tls_flags(CLI::App& app, Options& options);
// --tls-cert --tls-key --tls-client-ca, of a broker.
void add_tls_broker_flags(CLI::App& app, dev::DevTls& tls);

}  // namespace spillway::cli
