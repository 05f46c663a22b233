#include "net/tls_failure.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <memory>
#include <string_view>

namespace spillway {
namespace {

constexpr int kNamesMax = 8;  // of a certificate that serves hundreds the first ones tell enough
constexpr std::size_t kNameBytesMax = 253;

// A peer wrote it: nothing in it may break a log's line.
void append_printable(std::string& into, std::string_view text) {
  for (const char c : text.substr(0, kNameBytesMax)) into += c >= ' ' && c <= '~' ? c : '?';
}

std::string subject_of(const X509* certificate) {
  std::array<char, 256> line{};
  ::X509_NAME_oneline(::X509_get_subject_name(certificate), line.data(),
                      static_cast<int>(line.size()));
  std::string subject;
  append_printable(subject, line.data());
  return subject;
}

void append_address(std::string& into, const ASN1_OCTET_STRING* bytes) {
  const std::unique_ptr<char, void (*)(char*)> text(::i2s_ASN1_OCTET_STRING(nullptr, bytes),
                                                    [](char* owned) { ::OPENSSL_free(owned); });
  const unsigned char* at = ::ASN1_STRING_get0_data(bytes);
  if (::ASN1_STRING_length(bytes) == 4) {
    into += std::to_string(at[0]) + '.' + std::to_string(at[1]) + '.' + std::to_string(at[2]) +
            '.' + std::to_string(at[3]);
  } else if (text != nullptr) {
    append_printable(into, text.get());
  }
}

std::string names_of(const X509* certificate) {
  const std::unique_ptr<GENERAL_NAMES, void (*)(GENERAL_NAMES*)> names(
      static_cast<GENERAL_NAMES*>(
          ::X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
      ::GENERAL_NAMES_free);
  if (names == nullptr) return subject_of(certificate);
  std::string list;
  const int count = sk_GENERAL_NAME_num(names.get());
  for (int i = 0; i < count && i < kNamesMax; ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS && name->type != GEN_IPADD) continue;
    if (!list.empty()) list += ", ";
    if (name->type == GEN_IPADD) {
      append_address(list, name->d.iPAddress);
    } else {
      append_printable(list,
                       {reinterpret_cast<const char*>(::ASN1_STRING_get0_data(name->d.dNSName)),
                        static_cast<std::size_t>(::ASN1_STRING_length(name->d.dNSName))});
    }
  }
  if (count > kNamesMax) list += ", …";
  return list.empty() ? subject_of(certificate) : list;
}

std::string date_of(const ASN1_TIME* time) {
  tm parts{};
  if (::ASN1_TIME_to_tm(time, &parts) != 1) return "an unreadable date";
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts);
  return text.data();
}

// The library number is part of the code: other libraries of OpenSSL use the same reasons.
bool is_ssl(unsigned long error, int reason) noexcept {
  return ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == reason;
}

template <typename... Reasons>
bool is_one_of(unsigned long error, Reasons... reasons) noexcept {
  return (is_ssl(error, reasons) || ...);
}

std::string authorities_of(const Tls& tls) {
  return tls.ca.empty() ? "the system's authorities (tls.ca is empty)" : "'" + tls.ca + "'";
}

}  // namespace

CertificateFault certificate_fault(X509_STORE_CTX* verification) {
  CertificateFault fault;
  fault.error = ::X509_STORE_CTX_get_error(verification);
  if (const X509* own = ::X509_STORE_CTX_get0_cert(verification)) fault.names = names_of(own);
  const X509* certificate = ::X509_STORE_CTX_get_current_cert(verification);
  if (certificate == nullptr) return fault;
  fault.subject = subject_of(certificate);
  fault.date =
      date_of(fault.error == X509_V_ERR_CERT_NOT_YET_VALID ? ::X509_get0_notBefore(certificate)
                                                           : ::X509_get0_notAfter(certificate));
  return fault;
}

std::string broker_prefix(const Endpoint& endpoint) {
  const bool bare_v6 = endpoint.host.find(':') != std::string::npos;
  return "broker " + (bare_v6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" +
         std::to_string(endpoint.port) + ": ";
}

std::string certificate_sentence(const CertificateFault& fault, const Tls& tls,
                                 const Endpoint& endpoint) {
  switch (fault.error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "the certificate " + fault.subject + " expired on " + fault.date +
             ": renew it on the broker, or set this machine's clock";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "the certificate " + fault.subject + " is valid only from " + fault.date +
             ": set this machine's clock, or the broker's certificate is of tomorrow";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "its certificate is for " + fault.names + " and not for '" + endpoint.host +
             "': connect to a name that it has, or give the broker a certificate with this one";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_CERT_UNTRUSTED:
      return "nobody in " + authorities_of(tls) + " vouches for its certificate " + fault.subject +
             " (" + ::X509_verify_cert_error_string(fault.error) +
             "): point tls.ca to the authority that signed it";
    default:
      return "its certificate " + fault.subject +
             " was refused: " + ::X509_verify_cert_error_string(fault.error);
  }
}

std::string protocol_sentence(unsigned long error, const Tls& tls, bool asked) {
  if (is_one_of(error, SSL_R_WRONG_VERSION_NUMBER, SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST,
                SSL_R_PACKET_LENGTH_TOO_LONG, SSL_R_RECORD_LENGTH_MISMATCH,
                SSL_R_UNEXPECTED_MESSAGE, SSL_R_BAD_RECORD_TYPE)) {
    return "it does not speak TLS: use the port of its TLS listener, or leave tls out";
  }
  if (is_one_of(error, SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_TLSV1_ALERT_PROTOCOL_VERSION,
                SSL_R_VERSION_TOO_LOW)) {
    return std::string("no TLS version in common: we offer ") +
           (tls.version_min == TlsVersion::V1_3 ? "1.3 only (tls.version_min)" : "1.2 and 1.3") +
           ": enable one of them on the broker";
  }
  const char* words = ::ERR_reason_error_string(error);
  std::string said = words != nullptr ? words : "no reason given";
  if (asked && tls.certificate.empty()) {
    return "it asks for a client certificate and tls.certificate is empty (" + said + ")";
  }
  if (is_one_of(error, SSL_R_TLSV1_ALERT_UNKNOWN_CA, SSL_R_SSLV3_ALERT_BAD_CERTIFICATE,
                SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED,
                SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
                SSL_R_TLSV1_ALERT_ACCESS_DENIED, SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED)) {
    return "it refuses our certificate '" + tls.certificate + "' (" + said +
           "): is it signed by an authority that the broker trusts, and still valid?";
  }
  if (is_one_of(error, SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, SSL_R_NO_CIPHERS_AVAILABLE,
                SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY)) {
    return "no cipher suite in common (" + said +
           "): compare tls.ciphers, tls.cipher_suites and "
           "tls.version_min with what the broker allows";
  }
  return said;
}

}  // namespace spillway
