#include "testing/dev_broker/tls_stream.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace spillway::dev {
namespace {

int size_of(std::size_t bytes) noexcept {
  return static_cast<int>(std::min<std::size_t>(bytes, INT_MAX));
}

std::string unusable(const std::string& file) {
  const char* reason = ::ERR_reason_error_string(::ERR_peek_error());
  return "cannot use '" + file + "' for TLS: " + (reason != nullptr ? reason : "it is unreadable");
}

// OpenSSL's own writes with write(), and a client that has left would be a SIGPIPE.
int socket_write(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t put = ::send(*static_cast<int*>(::BIO_get_data(bio)), data,
                             static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (put < 0 && errno == EAGAIN) BIO_set_retry_write(bio);
  return static_cast<int>(put);
}

int socket_read(BIO* bio, char* data, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t got =
      ::recv(*static_cast<int*>(::BIO_get_data(bio)), data, static_cast<std::size_t>(size), 0);
  if (got < 0 && errno == EAGAIN) BIO_set_retry_read(bio);
  return static_cast<int>(got);
}

long socket_control(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

const BIO_METHOD* socket_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = ::BIO_meth_new(::BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "dev broker");
    ::BIO_meth_set_write(made, socket_write);
    ::BIO_meth_set_read(made, socket_read);
    ::BIO_meth_set_ctrl(made, socket_control);
    return made;
  }();
  return method;
}

}  // namespace

TlsListenerContext open_tls(const DevTls& tls, std::string& failure) {
  if (tls.certificate.empty()) return nullptr;
  TlsListenerContext context(::SSL_CTX_new(::TLS_server_method()), ::SSL_CTX_free);
  ::ERR_clear_error();
  constexpr unsigned char kName[] = "spillway-dev";
  ::SSL_CTX_set_session_id_context(context.get(), kName, sizeof(kName) - 1);
  ::SSL_CTX_set_mode(context.get(),
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (::SSL_CTX_use_certificate_chain_file(context.get(), tls.certificate.c_str()) != 1) {
    failure = unusable(tls.certificate);
  } else if (::SSL_CTX_use_PrivateKey_file(context.get(), tls.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    failure = unusable(tls.key);
  } else if (!tls.client_ca.empty()) {
    if (::SSL_CTX_load_verify_file(context.get(), tls.client_ca.c_str()) != 1)
      failure = unusable(tls.client_ca);
    ::SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  ::ERR_clear_error();
  return context;
}

TlsStream::TlsStream(const TlsListenerContext& context, int fd)
    : fd_(fd), ssl_(::SSL_new(context.get())) {
  BIO* const bio = ::BIO_new(socket_method());
  ::BIO_set_data(bio, &fd_);
  ::BIO_set_init(bio, 1);
  ::SSL_set_bio(ssl_.get(), bio, bio);
  ::SSL_set_accept_state(ssl_.get());
}

ssize_t TlsStream::receive(std::span<std::byte> into) {
  ::ERR_clear_error();
  return outcome(::SSL_read(ssl_.get(), into.data(), size_of(into.size())));
}

ssize_t TlsStream::send(std::span<const std::byte> bytes) {
  ::ERR_clear_error();
  return outcome(::SSL_write(ssl_.get(), bytes.data(), size_of(bytes.size())));
}

ssize_t TlsStream::outcome(int result) {
  if (result > 0) return result;
  switch (::SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      errno = EAGAIN;
      return -1;
    case SSL_ERROR_ZERO_RETURN:
      return 0;
    default:
      errno = EPROTO;
      return -1;
  }
}

}  // namespace spillway::dev
