// The broker's end of TLS: the two calls that Connection makes on its socket, encrypted.
#pragma once

#include <openssl/ssl.h>
#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace spillway::dev {

// PEM files. An empty certificate: the listeners are plaintext.
struct DevTls {
  std::string certificate = {};
  std::string key = {};
  std::string client_ca = {};  // clients must show a certificate of this authority
};

using TlsListenerContext = std::shared_ptr<SSL_CTX>;  // its connections outlive the listener's use

// Null without a certificate. `failure`: a sentence when a file cannot be used.
[[nodiscard]] TlsListenerContext open_tls(const DevTls& tls, std::string& failure);

// One thread. The handshake happens inside the first reads.
class TlsStream {
 public:
  // The socket is non-blocking and stays the caller's.
  TlsStream(const TlsListenerContext& context, int fd);
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  // As recv and send: bytes, 0 at the end, -1 with errno EAGAIN when it must wait.
  [[nodiscard]] ssize_t receive(std::span<std::byte> into);
  [[nodiscard]] ssize_t send(std::span<const std::byte> bytes);
  // Bytes were received that no event will tell of.
  [[nodiscard]] bool pending() const noexcept { return ::SSL_pending(ssl_.get()) > 0; }

 private:
  struct Free {
    void operator()(SSL* ssl) const noexcept { ::SSL_free(ssl); }
  };
  [[nodiscard]] ssize_t outcome(int result);
  int fd_;
  const std::unique_ptr<SSL, Free> ssl_;
};

}  // namespace spillway::dev
