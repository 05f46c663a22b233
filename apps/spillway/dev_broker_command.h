// spillway dev-broker: a small Kafka on real ports, for trying things out and for benchmarks.
#pragma once

#include "apps/spillway/flags.h"

namespace spillway::cli {

// Prints "ready bootstrap=127.0.0.1:9092 nodes=1" when clients may come; runs until SIGINT or
// SIGTERM.
Command add_dev_broker_command(CLI::App& root);

}  // namespace spillway::cli
