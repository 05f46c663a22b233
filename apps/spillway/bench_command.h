// spillway bench: what a record costs on this machine, against a given Kafka.
#pragma once

#include "apps/spillway/flags.h"

namespace spillway::cli {

Command add_bench_command(CLI::App& root);

}  // namespace spillway::cli
