// Options that several commands share, and how their values are read.
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <functional>
#include <string>

#include "apps/spillway/session.h"

namespace spillway::cli {

// A command that CLI11 knows; run() is called when it was the one chosen.
struct Command {
  CLI::App* app;
  std::function<int()> run;
};

// A number as large as a counter may get before its sums with others could overflow.
inline constexpr std::uint64_t kCountMax = std::uint64_t{1} << 53;

// What is not a size, a time or one of the words ends the parse with a sentence that says so.
CLI::Option* add_bytes(CLI::App& app, const std::string& name, std::size_t& value,
                       const std::string& help);
CLI::Option* add_duration(CLI::App& app, const std::string& name, std::chrono::milliseconds& value,
                          const std::string& help);
CLI::Option* add_count(CLI::App& app, const std::string& name, std::uint64_t& value,
                       std::uint64_t limit, const std::string& help);

// --bootstrap and --topic. A file of settings may name the brokers too, so what is missing is known
// only when everything has been read: then require_target ends the parse.
void add_target_flags(CLI::App& app, SessionOptions& options);
void require_target(const CLI::App& app, const SessionOptions& options);
// --memory --when-full --block-deadline --acks --compression --linger --delivery-timeout --tls*
// --sasl-*.
void add_producer_flags(CLI::App& app, Options& options);
// --ledger --progress.
void add_report_flags(CLI::App& app, SessionOptions& options);
CLI::Option* add_when_full(CLI::App& app, WhenFull& value, const std::string& shown);

}  // namespace spillway::cli
