#include "apps/spillway/tls_flags.h"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fstream>
#include <string>

namespace spillway::cli {
namespace {

// Whichever of the flags is parsed first.
Tls& tls_of(Options& options) {
  if (!options.tls) options.tls.emplace();
  return *options.tls;
}

// A password on the command line would stand in every process list.
std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) {
    throw CLI::ValidationError("--tls-key-password-file",
                               "no line can be read from '" + path + "'");
  }
  return line;
}

}  // namespace

void add_tls_flags(CLI::App& app, Options& options) {
  CLI::Option* tls = app.add_flag_function(
      "--tls", [&options](std::int64_t) { tls_of(options); },
      "encrypt, and verify the broker's certificate and host name");
  const auto add_file = [&](const char* name, std::string Tls::*member, const char* help) {
    app.add_option_function<std::string>(
           name, [&options, member](const std::string& path) { tls_of(options).*member = path; },
           help)
        ->type_name("FILE")
        ->needs(tls);
  };
  add_file("--tls-ca", &Tls::ca,
           "PEM of the authorities to trust, or a hashed directory; default: the system's");
  add_file("--tls-cert", &Tls::certificate, "PEM of our certificate, for brokers that ask");
  add_file("--tls-key", &Tls::key, "PEM of its private key");
  app.add_option_function<std::string>(
         "--tls-key-password-file",
         [&options](const std::string& path) { tls_of(options).key_password = first_line(path); },
         "its first line decrypts the key")
      ->type_name("FILE")
      ->needs(tls);
  app.add_flag_function(
         "--tls-insecure-no-verify",
         [&options](std::int64_t) {
           tls_of(options).verify_peer = tls_of(options).verify_host = false;
         },
         "believe anybody who answers: for experiments only")
      ->needs(tls);
}

void add_tls_broker_flags(CLI::App& app, dev::DevTls& tls) {
  CLI::Option* certificate =
      app.add_option("--tls-cert", tls.certificate, "speak TLS: PEM of the brokers' certificate");
  CLI::Option* key = app.add_option("--tls-key", tls.key, "PEM of its private key");
  certificate->type_name("FILE")->needs(key);
  key->type_name("FILE")->needs(certificate);
  app.add_option("--tls-client-ca", tls.client_ca,
                 "clients must show a certificate of this authority")
      ->type_name("FILE")
      ->needs(certificate);
}

}  // namespace spillway::cli
