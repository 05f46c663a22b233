// What all TLS connections of a producer share: the authorities, the client's certificate, the
// rules. Read from files, and read again when they have changed.
#pragma once

#include <openssl/ssl.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "spillway/error.h"
#include "spillway/security.h"

namespace spillway {

struct SslFree {
  void operator()(SSL_CTX* context) const noexcept { ::SSL_CTX_free(context); }
  void operator()(SSL* ssl) const noexcept { ::SSL_free(ssl); }
  void operator()(SSL_SESSION* session) const noexcept { ::SSL_SESSION_free(session); }
};
using SslContextPtr = std::unique_ptr<SSL_CTX, SslFree>;
using SslPtr = std::unique_ptr<SSL, SslFree>;
using SslSessionPtr = std::unique_ptr<SSL_SESSION, SslFree>;

// One thread.
class TlsContext {
 public:
  static constexpr std::size_t kFileBytesMax = std::size_t{1} << 20;  // of each file

  // InvalidArgument: a file that cannot be read or used, a certificate without its key, a wrong
  // password, ciphers that OpenSSL does not know. The sentence names the file and the reason.
  [[nodiscard]] static Result<std::unique_ptr<TlsContext>> open(const Tls& tls);
  // Wipes the key's password.
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // Heap held by the contexts of these settings: the old one and the new one while connections of
  // the old one live.
  [[nodiscard]] static std::size_t memory_bytes(const Tls& tls) noexcept;

  // Looks at the files and loads them if they have changed. True: get() is a new one, and sessions
  // of the old one must not be resumed. What cannot be loaded leaves the old one in force and is
  // tried again the next time.
  bool refresh();

  [[nodiscard]] SSL_CTX* get() const noexcept { return context_.get(); }
  [[nodiscard]] const Tls& settings() const noexcept { return tls_; }
  [[nodiscard]] std::uint64_t reloads() const noexcept { return reloads_; }
  [[nodiscard]] std::uint64_t reload_failures() const noexcept { return reload_failures_; }
  // Why the files that lie there are not the ones in force; empty if they are.
  [[nodiscard]] const std::string& reload_trouble() const noexcept { return reload_trouble_; }

 private:
  // What tells one version of a file from the next.
  struct Stamp {
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 0;
    std::int64_t size = -1;
    std::uint64_t inode = 0;
    bool operator==(const Stamp&) const = default;
  };
  using Stamps = std::array<Stamp, 3>;  // authorities, certificate, key

  explicit TlsContext(const Tls& tls) : tls_(tls) {}
  [[nodiscard]] static Stamp stamp_of(const std::string& path) noexcept;
  [[nodiscard]] Stamps stamps() const noexcept;

  Tls tls_;
  SslContextPtr context_;
  Stamps loaded_{};
  std::uint64_t reloads_ = 0;
  std::uint64_t reload_failures_ = 0;
  std::string reload_trouble_;
};

// The queue of OpenSSL's errors as words, emptied: "no start line". For a log.
[[nodiscard]] std::string openssl_reason();

}  // namespace spillway
