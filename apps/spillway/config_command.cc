#include "apps/spillway/config_command.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdio>
#include <memory>
#include <utility>

namespace spillway::cli {
namespace {

bool is_given(const CLI::App& app, std::string_view flag) {
  const CLI::Option* option = app.get_option_no_throw(std::string(flag));
  return option != nullptr && option->count() > 0;
}

void fail_if(const char* where, const std::optional<std::string>& problem) {
  if (problem) throw CLI::ValidationError(where, *problem);
}

int print(const std::string& text) {
  const bool whole = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  return whole && std::fflush(stdout) == 0 ? kExitDone : kExitFailed;
}

}  // namespace

void add_config_flags(CLI::App& app, Options& options, std::function<void()> finish) {
  auto configuration = std::make_shared<Configuration>();
  app.add_option_function<std::string>(
         "--config",
         [configuration](const std::string& path) {
           fail_if("--config", configuration->add_file(path));
         },
         "settings by Kafka's names, as Java's tools read them; 'spillway config --page' lists "
         "them")
      ->type_name("FILE");
  app.add_option_function<std::vector<std::string>>(
         "-X",
         [configuration](const std::vector<std::string>& texts) {
           for (const std::string& text : texts) {
             fail_if("-X", configuration->add_assignment(text));
           }
         },
         "one such setting, which wins over the file; may be repeated")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  app.final_callback([&app, &options, configuration, finish = std::move(finish)] {
    const auto given = [&app](std::string_view flag) { return is_given(app, flag); };
    fail_if("configuration", configuration->apply(options, given));
    if (finish) finish();
  });
}

Command add_config_command(CLI::App& root) {
  struct State {
    Options options;
    bool page = false;
  };
  auto state = std::make_shared<State>();
  CLI::App* app = root.add_subcommand("config", "check settings by Kafka's names, or list them");
  add_config_flags(*app, state->options);
  app->add_flag("--page", state->page, "print every name and what becomes of it, as Markdown");
  return {app, [state] {
            if (state->page) return print(configuration_page());
            return print("the settings are known and agree with each other\n");
          }};
}

}  // namespace spillway::cli
