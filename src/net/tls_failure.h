// Why TLS did not come about, as sentences for a person: what happened and what to do.
#pragma once

#include <openssl/x509.h>

#include <string>

#include "net/transport.h"
#include "spillway/security.h"

namespace spillway {

// What the verification of the broker's chain objected to. Noted while it runs: afterwards OpenSSL
// has forgotten the certificate.
struct CertificateFault {
  int error = X509_V_OK;
  std::string subject;  // of the certificate at fault
  std::string names;    // that the broker's own certificate is for
  std::string date;     // on which it expired, or from which it is valid

  [[nodiscard]] bool noted() const noexcept { return error != X509_V_OK; }
};
[[nodiscard]] CertificateFault certificate_fault(X509_STORE_CTX* verification);

// "broker localhost:9093: ", with brackets around an IPv6 address.
[[nodiscard]] std::string broker_prefix(const Endpoint& endpoint);

[[nodiscard]] std::string certificate_sentence(const CertificateFault& fault, const Tls& tls,
                                               const Endpoint& endpoint);
// `error`: of OpenSSL's queue. `asked`: the broker asked for a certificate of ours.
[[nodiscard]] std::string protocol_sentence(unsigned long error, const Tls& tls, bool asked);

}  // namespace spillway
