// Who we talk to, and who we say we are: TLS and SASL. Secrets are wiped when the producer closes
// and appear in no message.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace spillway {

enum class TlsVersion : std::uint8_t { V1_2, V1_3 };

// The paths are PEM files. They are read again for a new connection when they have changed, so that
// rotated certificates need no restart; a file that cannot be read then leaves the previous one in
// force.
struct Tls {
  // Both off only for an experiment: whoever can answer for the broker's address then reads every
  // record.
  bool verify_peer = true;
  bool verify_host = true;  // the certificate must name the host that the connection was made to

  std::string ca = {};  // a file, or a directory with hashed names; empty: the system's
  // The client's chain and key, for brokers that ask. Both or none.
  std::string certificate = {};
  std::string key = {};
  std::string key_password = {};

  TlsVersion version_min = TlsVersion::V1_2;
  std::string ciphers = {};        // of TLS 1.2, OpenSSL's syntax; empty: OpenSSL's default
  std::string cipher_suites = {};  // of TLS 1.3
};

enum class SaslMechanism : std::uint8_t { Plain, ScramSha256, ScramSha512, OAuthBearer, Gssapi };

// RFC 6750 and KIP-255. An empty value: none is at hand, the connection is tried again later.
struct OAuthToken {
  std::string value;
  std::vector<std::pair<std::string, std::string>> extensions;  // KIP-342
};

struct Sasl {
  SaslMechanism mechanism = SaslMechanism::Plain;
  std::string username;
  std::string password;
  // OAuthBearer: asked for each authentication, re-authentications (KIP-368) included. Runs on the
  // I/O thread and must not block: return the token that another thread keeps fresh.
  std::function<OAuthToken()> token;
};

}  // namespace spillway
