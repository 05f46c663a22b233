#include "net/tls_context.h"

#include <dirent.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace spillway {
namespace {

// Of a broker's whole chain; OpenSSL's own 100 KiB would have to be in the plan.
constexpr long kChainBytesMax = 16 << 10;

// Measured with OpenSSL 3.0, see tls_memory_test.cc: a context without authorities 16 KiB; parsed
// certificates 7 times their file for the smallest ones (EC P-256), 3.2 times for a distribution's.
constexpr std::size_t kContextBytes = 24 << 10;
constexpr std::size_t kParsedPerFileByte = 8;

Error bad(const std::string& sentence) {
  return Error(ErrorCode::InvalidArgument, sentence);
}

bool is_folder(const std::string& path) noexcept {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

// "3c58f906.0": the names under which OpenSSL looks for an authority in a folder.
bool is_hashed_name(std::string_view name) noexcept {
  constexpr std::size_t kHashDigits = 8;
  if (name.size() < kHashDigits + 2 || name[kHashDigits] != '.') return false;
  const auto hex = [](char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; };
  const auto digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
  const std::string_view number = name.substr(kHashDigits + 1);
  return std::all_of(name.begin(), name.begin() + kHashDigits, hex) &&
         std::all_of(number.begin(), number.end(), digit);
}

bool has_hashed_names(const std::string& folder) noexcept {
  DIR* const entries = ::opendir(folder.c_str());
  if (entries == nullptr) return false;
  bool found = false;
  while (const dirent* entry = found ? nullptr : ::readdir(entries)) {
    found = is_hashed_name(static_cast<const char*>(entry->d_name));
  }
  ::closedir(entries);
  return found;
}

// Empty: it can be read and is not absurdly large. Otherwise the reason.
std::string file_trouble(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || ::access(path.c_str(), R_OK) != 0)
    return ::strerrordesc_np(errno);
  if (S_ISDIR(status.st_mode)) return "it is a directory";
  if (static_cast<std::size_t>(status.st_size) > TlsContext::kFileBytesMax)
    return "it is larger than 1 MiB";
  return {};
}

Error unusable(const char* option, const std::string& path, const std::string& reason) {
  return bad(std::string(option) + ": cannot use '" + path + "': " + reason);
}

// The system's authorities: its folder if that is hashed, because OpenSSL reads a folder one
// authority at a time, when a chain asks for it, but a file at once, whole. Empty: the folder.
std::string system_file() {
  if (const char* named = std::getenv(::X509_get_default_cert_file_env())) return named;
  const char* folder = std::getenv(::X509_get_default_cert_dir_env());
  if (folder == nullptr) folder = ::X509_get_default_cert_dir();
  return has_hashed_names(folder) ? "" : ::X509_get_default_cert_file();
}

Result<void> load_system_authorities(SSL_CTX* context) {
  const int done = system_file().empty() ? ::SSL_CTX_set_default_verify_dir(context)
                                         : ::SSL_CTX_set_default_verify_paths(context);
  if (done == 1) return {};
  return bad("tls.ca: the system's authorities cannot be loaded: " + openssl_reason());
}

Result<void> load_authorities(SSL_CTX* context, const Tls& tls) {
  if (tls.ca.empty()) return load_system_authorities(context);
  if (is_folder(tls.ca)) {
    if (!has_hashed_names(tls.ca)) {
      return unusable("tls.ca", tls.ca,
                      "the directory has no hashed names: run 'openssl rehash' on it");
    }
    if (::SSL_CTX_load_verify_dir(context, tls.ca.c_str()) == 1) return {};
    return unusable("tls.ca", tls.ca, openssl_reason());
  }
  if (const std::string trouble = file_trouble(tls.ca); !trouble.empty())
    return unusable("tls.ca", tls.ca, trouble);
  if (::SSL_CTX_load_verify_file(context, tls.ca.c_str()) == 1) return {};
  return unusable("tls.ca", tls.ca, "no certificate in PEM form: " + openssl_reason());
}

struct Password {
  const std::string* text;
  bool asked = false;
};

int give_password(char* into, int size, int /*encrypting*/, void* context) {
  auto* password = static_cast<Password*>(context);
  password->asked = true;
  const std::string& text = *password->text;
  if (text.empty() || text.size() > static_cast<std::size_t>(size)) return -1;
  std::copy(text.begin(), text.end(), into);  // with its length, not terminated
  return static_cast<int>(text.size());
}

Result<void> load_key(SSL_CTX* context, const Tls& tls) {
  if (const std::string trouble = file_trouble(tls.key); !trouble.empty())
    return unusable("tls.key", tls.key, trouble);
  Password password{&tls.key_password};
  ::SSL_CTX_set_default_passwd_cb(context, give_password);
  ::SSL_CTX_set_default_passwd_cb_userdata(context, &password);
  const int done = ::SSL_CTX_use_PrivateKey_file(context, tls.key.c_str(), SSL_FILETYPE_PEM);
  ::SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
  ::SSL_CTX_set_default_passwd_cb(context, nullptr);
  if (done == 1) return {};
  const std::string reason = openssl_reason();
  if (password.asked && tls.key_password.empty())
    return unusable("tls.key", tls.key, "it is encrypted and tls.key_password is empty");
  if (password.asked)
    return unusable("tls.key", tls.key, "tls.key_password does not decrypt it (" + reason + ")");
  // use_PrivateKey compares with the certificate that was loaded before.
  return unusable("tls.key", tls.key,
                  reason + "; it must be the PEM private key of '" + tls.certificate + "'");
}

Result<void> load_identity(SSL_CTX* context, const Tls& tls) {
  if (tls.certificate.empty() && tls.key.empty()) return {};
  if (tls.certificate.empty()) return bad("tls.key is given without tls.certificate: give both");
  if (tls.key.empty()) return bad("tls.certificate is given without tls.key: give both");
  if (const std::string trouble = file_trouble(tls.certificate); !trouble.empty())
    return unusable("tls.certificate", tls.certificate, trouble);
  if (::SSL_CTX_use_certificate_chain_file(context, tls.certificate.c_str()) != 1)
    return unusable("tls.certificate", tls.certificate, openssl_reason());
  if (auto loaded = load_key(context, tls); !loaded) return loaded;
  if (::SSL_CTX_check_private_key(context) == 1) return {};
  return unusable("tls.key", tls.key, "it is not the key of '" + tls.certificate + "'");
}

Result<void> apply_rules(SSL_CTX* context, const Tls& tls) {
  const int version_min = tls.version_min == TlsVersion::V1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
  if (::SSL_CTX_set_min_proto_version(context, version_min) != 1)
    return bad("tls.version_min: this OpenSSL does not offer that version");
  ::SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // Without RELEASE_BUFFERS: with it OpenSSL takes 17 KiB from the heap for each record it writes.
  ::SSL_CTX_set_mode(context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  ::SSL_CTX_set_read_ahead(context, 1);  // one system call a record instead of two
  ::SSL_CTX_set_max_cert_list(context, kChainBytesMax);
  // Kept by the transport, one per endpoint.
  ::SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  if (!tls.ciphers.empty() && ::SSL_CTX_set_cipher_list(context, tls.ciphers.c_str()) != 1)
    return bad("tls.ciphers: OpenSSL knows none of '" + tls.ciphers + "': " + openssl_reason());
  if (!tls.cipher_suites.empty() &&
      ::SSL_CTX_set_ciphersuites(context, tls.cipher_suites.c_str()) != 1) {
    return bad("tls.cipher_suites: OpenSSL does not know '" + tls.cipher_suites +
               "': " + openssl_reason());
  }
  return {};
}

Result<SslContextPtr> make_context(const Tls& tls) {
  ::ERR_clear_error();
  SslContextPtr context(::SSL_CTX_new(::TLS_client_method()));
  if (context == nullptr) return Error(ErrorCode::System, "OpenSSL: " + openssl_reason());
  if (auto applied = apply_rules(context.get(), tls); !applied) return applied.error();
  if (tls.verify_peer) {
    if (auto loaded = load_authorities(context.get(), tls); !loaded) return loaded.error();
  }
  if (auto loaded = load_identity(context.get(), tls); !loaded) return loaded.error();
  ::ERR_clear_error();
  return context;
}

std::size_t file_bytes(const std::string& path) noexcept {
  struct stat status {};
  if (path.empty() || ::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return 0;
  return std::min(static_cast<std::size_t>(status.st_size), TlsContext::kFileBytesMax);
}

}  // namespace

std::string openssl_reason() {
  const unsigned long first = ::ERR_peek_error();
  const char* reason = ::ERR_reason_error_string(first);
  if (reason == nullptr && ERR_SYSTEM_ERROR(first))
    reason = ::strerrordesc_np(static_cast<int>(ERR_GET_REASON(first)));
  std::string words = reason != nullptr ? reason : "no reason given";
  ::ERR_clear_error();
  return words;
}

Result<std::unique_ptr<TlsContext>> TlsContext::open(const Tls& tls) {
  // Without its clean-up at exit, which would pull OpenSSL away under a producer that a static
  // object holds.
  ::OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, nullptr);
  if (tls.verify_host && !tls.verify_peer)
    return bad(
        "tls.verify_host needs tls.verify_peer: a name that nobody vouches for says nothing");
  std::unique_ptr<TlsContext> opened(new TlsContext(tls));
  opened->loaded_ = opened->stamps();  // before the files are read: a later change is seen
  auto context = make_context(tls);
  if (!context) return context.error();
  opened->context_ = std::move(*context);
  return opened;
}

TlsContext::~TlsContext() {
  ::OPENSSL_cleanse(tls_.key_password.data(), tls_.key_password.size());
}

std::size_t TlsContext::memory_bytes(const Tls& tls) noexcept {
  const std::string authorities = tls.ca.empty() ? system_file() : tls.ca;
  const std::size_t files =
      file_bytes(authorities) + file_bytes(tls.certificate) + file_bytes(tls.key);
  return 2 * (kContextBytes + kParsedPerFileByte * files);
}

bool TlsContext::refresh() {
  const Stamps found = stamps();
  if (found == loaded_) return false;
  auto context = make_context(tls_);
  if (!context) {
    ++reload_failures_;
    reload_trouble_ = context.error().message();
    return false;
  }
  context_ = std::move(*context);
  loaded_ = found;
  ++reloads_;
  reload_trouble_.clear();
  return true;
}

TlsContext::Stamp TlsContext::stamp_of(const std::string& path) noexcept {
  struct stat status {};
  if (path.empty() || ::stat(path.c_str(), &status) != 0) return {};
  return {status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_size, status.st_ino};
}

TlsContext::Stamps TlsContext::stamps() const noexcept {
  return {stamp_of(tls_.ca), stamp_of(tls_.certificate), stamp_of(tls_.key)};
}

}  // namespace spillway
