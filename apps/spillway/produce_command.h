// spillway produce: one record a line, from standard input or a file.
#pragma once

#include "apps/spillway/flags.h"

namespace spillway::cli {

Command add_produce_command(CLI::App& root);

}  // namespace spillway::cli
