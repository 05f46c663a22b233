// Standard input, output and error of a process that may have been started without them.
#pragma once

namespace spillway::cli {

// Puts /dev/null where one of the three is closed, before a socket or the ledger gets its number
// and receives our words. Once, first in main.
void keep_standard_files_open();

[[nodiscard]] bool standard_input_was_closed() noexcept;

}  // namespace spillway::cli
