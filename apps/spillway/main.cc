// spillway: dispatch. Exit codes: 0 done, 1 something was not delivered, 2 the command line is
// wrong.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "apps/spillway/bench_command.h"
#include "apps/spillway/config_command.h"
#include "apps/spillway/demo_command.h"
#include "apps/spillway/dev_broker_command.h"
#include "apps/spillway/produce_command.h"
#include "apps/spillway/signals.h"
#include "apps/spillway/standard_files.h"
#include "apps/spillway/verifiable_producer_command.h"

namespace spillway::cli {
namespace {

std::string list_of(const std::vector<Command>& commands) {
  std::string list;
  for (const Command& command : commands) {
    list += (list.empty() ? "" : ", ") + command.app->get_name();
  }
  return list;
}

// CLI11 would only say that a command is missing.
bool is_unknown_command(const std::vector<Command>& commands, const std::string& word) {
  if (word.empty() || word.front() == '-') return false;
  const auto is_it = [&word](const Command& command) { return command.app->get_name() == word; };
  return std::none_of(commands.begin(), commands.end(), is_it);
}

const CLI::App& chosen_of(const CLI::App& root) {
  const auto chosen = root.get_subcommands();
  return chosen.empty() ? root : *chosen.front();
}

// CLI11's words, cut to one sentence, and where to read on.
int explain(const CLI::App& root, const CLI::ParseError& error) {
  const CLI::App& app = chosen_of(root);
  const std::string command =
      &app == &root ? std::string("spillway") : "spillway " + app.get_name();
  std::string sentence(error.what());
  sentence = sentence.substr(0, sentence.find('\n'));
  while (!sentence.empty() && sentence.back() == '.') sentence.pop_back();
  std::fprintf(stderr, "%s: %s; '%s --help' shows how.\n", command.c_str(), sentence.c_str(),
               command.c_str());
  // As Kafka's own tool, whose place it takes.
  return app.get_name() == "verifiable-producer" ? kExitFailed : kExitUsage;
}

int run(int argc, char** argv) {
  const Signals signals;
  CLI::App root("The Kafka producer that cannot run out of memory.", "spillway");
  root.require_subcommand(1);
  const std::vector<Command> commands{
      add_produce_command(root),    add_bench_command(root),
      add_demo_command(root),       add_config_command(root),
      add_dev_broker_command(root), add_verifiable_producer_command(root)};
  if (argc > 1 && is_unknown_command(commands, argv[1])) {
    std::fprintf(stderr, "spillway: there is no command '%s': choose one of %s.\n", argv[1],
                 list_of(commands).c_str());
    return kExitUsage;
  }
  try {
    root.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    const std::string help = root.help();
    std::fwrite(help.data(), 1, help.size(), stdout);
    return kExitDone;
  } catch (const CLI::ParseError& error) {
    return explain(root, error);
  }
  for (const Command& command : commands) {
    if (command.app->parsed()) return command.run();
  }
  return kExitUsage;
}

}  // namespace
}  // namespace spillway::cli

int main(int argc, char** argv) {
  spillway::cli::keep_standard_files_open();
  try {
    return spillway::cli::run(argc, argv);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "spillway: %s\n", problem.what());
    return spillway::cli::kExitFailed;
  }
}
