// `spillway verifiable-producer`: what Kafka's system tests expect of a producer under test.
#pragma once

#include "apps/spillway/flags.h"

namespace spillway::cli {

Command add_verifiable_producer_command(CLI::App& root);

}  // namespace spillway::cli
