// spillway demo: the main job in twenty seconds, with a broker that goes away and comes back.
#pragma once

#include "apps/spillway/flags.h"

namespace spillway::cli {

Command add_demo_command(CLI::App& root);

}  // namespace spillway::cli
