#include "net/tls_link.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace spillway {
namespace {

TlsLink& link_of(BIO* bio) {
  return *static_cast<TlsLink*>(::BIO_get_data(bio));
}

int bio_write(BIO* bio, const char* data, std::size_t size, std::size_t* taken) {
  BIO_clear_retry_flags(bio);
  *taken = link_of(bio).push({reinterpret_cast<const std::byte*>(data), size});
  if (*taken == 0) BIO_set_retry_write(bio);
  return *taken == 0 ? 0 : 1;
}

int bio_read(BIO* bio, char* data, std::size_t size, std::size_t* got) {
  BIO_clear_retry_flags(bio);
  *got = link_of(bio).pull({reinterpret_cast<std::byte*>(data), size});
  if (*got == 0) BIO_set_retry_read(bio);
  return *got == 0 ? 0 : 1;
}

long bio_control(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

const BIO_METHOD* bio_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made =
        ::BIO_meth_new(::BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "spillway transport");
    SPILL_CHECK(made != nullptr, "OpenSSL has room for one more kind of BIO");
    ::BIO_meth_set_write_ex(made, bio_write);
    ::BIO_meth_set_read_ex(made, bio_read);
    ::BIO_meth_set_ctrl(made, bio_control);
    return made;
  }();
  return method;
}

int on_verify(int fine, X509_STORE_CTX* verification) {
  const auto* ssl = static_cast<const SSL*>(
      ::X509_STORE_CTX_get_ex_data(verification, ::SSL_get_ex_data_X509_STORE_CTX_idx()));
  if (fine != 1) static_cast<TlsLink*>(SSL_get_app_data(ssl))->note_fault(verification);
  return fine;
}

// OpenSSL asks for our certificate only if the broker does.
int on_certificate_asked(SSL* /*ssl*/, void* link) {
  static_cast<TlsLink*>(link)->note_asked();
  return 1;
}

bool is_address(const std::string& host) {
  in6_addr ignored;
  return ::inet_pton(AF_INET, host.c_str(), &ignored) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), &ignored) == 1;
}

}  // namespace

TlsLink::TlsLink(Transport& inner, ConnectionId id, const Endpoint& endpoint)
    : inner_(inner), id_(id), endpoint_(endpoint) {}

// Told to be a tidy end, whatever it was: otherwise OpenSSL would forbid the session's resumption.
TlsLink::~TlsLink() {
  if (ssl_ != nullptr && ::SSL_is_init_finished(ssl_.get()) == 1)
    ::SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

// The name that the certificate must have, and the one that a server with several certificates
// chooses by.
bool TlsLink::expect_peer(const Tls& tls) {
  std::string host = endpoint_.host;
  if (host.ends_with('.')) host.pop_back();  // the DNS root stands in no certificate
  const bool address = is_address(host);
  if (!address && ::SSL_set_tlsext_host_name(ssl_.get(), host.c_str()) != 1) return false;
  if (!tls.verify_host) return true;
  if (address)
    return ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(ssl_.get()), host.c_str()) == 1;
  ::SSL_set_hostflags(ssl_.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return ::SSL_set1_host(ssl_.get(), host.c_str()) == 1;
}

void TlsLink::start(const TlsContext& context, SSL_SESSION* resume, MonoTime deadline) {
  context_ = &context;
  deadline_ = deadline;
  state_ = State::Handshaking;
  ssl_.reset(::SSL_new(context.get()));
  BIO* const bio = ::BIO_new(bio_method());
  if (ssl_ == nullptr || bio == nullptr) {
    ::BIO_free(bio);
    return fail("OpenSSL: " + openssl_reason());
  }
  ::BIO_set_data(bio, this);
  ::BIO_set_init(bio, 1);
  ::SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_app_data(ssl_.get(), this);
  staging_ = std::make_unique_for_overwrite<std::byte[]>(kStagingBytes);
  const bool verify = context.settings().verify_peer;
  ::SSL_set_verify(ssl_.get(), verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                   verify ? on_verify : nullptr);
  ::SSL_set_cert_cb(ssl_.get(), on_certificate_asked, this);
  if (!expect_peer(context.settings()))
    return fail("'" + endpoint_.host + "' cannot be the name of a certificate");
  if (resume != nullptr) ::SSL_set_session(ssl_.get(), resume);
  ::SSL_set_connect_state(ssl_.get());
}

void TlsLink::advance() {
  if (state_ != State::Handshaking) return;
  drained_ = false;
  bool waits_for_write = false;
  ::ERR_clear_error();
  const int result = ::SSL_do_handshake(ssl_.get());
  if (result == 1) return verified();
  static_cast<void>(will_go_on(result, waits_for_write));
}

// OpenSSL has ended the handshake of an unverified peer already; this says so a second time.
void TlsLink::verified() {
  const bool wanted = context_->settings().verify_peer;
  if (wanted && ::SSL_get_verify_result(ssl_.get()) != X509_V_OK)
    return fail("its certificate was not verified");
  state_ = State::Open;
  deadline_ = kNever;
}

std::size_t TlsLink::write(std::span<const iovec> pieces) {
  if (state_ != State::Open || !flush()) return 0;
  std::size_t taken = 0;
  std::size_t skip = 0;  // of the front piece
  while (!pieces.empty()) {
    while (!pieces.empty() && staged_ < kStagingBytes) {
      const iovec& piece = pieces.front();
      const std::size_t size = std::min(piece.iov_len - skip, kStagingBytes - staged_);
      if (size != 0)
        std::memcpy(staging_.get() + staged_, static_cast<const std::byte*>(piece.iov_base) + skip,
                    size);
      staged_ += size;
      taken += size;
      skip += size;
      if (skip < piece.iov_len) break;
      pieces = pieces.subspan(1);
      skip = 0;
    }
    if (!flush()) break;
  }
  return state_ == State::Open ? taken : 0;
}

// At most one record: OpenSSL takes all of it or, again and again, none.
bool TlsLink::flush() {
  if (staged_ == 0 || state_ != State::Open) return state_ == State::Open;
  std::size_t written = 0;
  ::ERR_clear_error();
  const int result = ::SSL_write_ex(ssl_.get(), staging_.get(), staged_, &written);
  if (result == 1) {
    SPILL_CHECK(written == staged_, "without partial writes OpenSSL writes all or nothing");
    staged_ = 0;
    return true;
  }
  bool ignored = false;  // whatever it waits for, the next event tries again
  static_cast<void>(will_go_on(result, ignored));
  return false;
}

std::size_t TlsLink::read(std::span<std::byte> into) {
  if (state_ != State::Open || drained_ || into.empty()) return 0;
  std::size_t got = 0;
  read_waits_for_write_ = false;
  ::ERR_clear_error();
  const int result = ::SSL_read_ex(ssl_.get(), into.data(), into.size(), &got);
  decoded_ |= got != 0;
  progressed |= got != 0;
  if (result == 1) return got;
  static_cast<void>(will_go_on(result, read_waits_for_write_));
  return 0;
}

bool TlsLink::will_go_on(int result, bool& waits_for_write) {
  switch (::SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return true;
    case SSL_ERROR_WANT_WRITE:
      waits_for_write = true;
      return true;
    case SSL_ERROR_ZERO_RETURN:
      cause_ = CloseCause::PeerClosed;
      sentence_ = closed_sentence(cause_, nullptr);
      state_ = State::Dead;
      return false;
    default:
      fail(why_failed());
      return false;
  }
}

std::string TlsLink::why_failed() const {
  const unsigned long error = ::ERR_peek_error();
  if (fault_.noted()) return certificate_sentence(fault_, context_->settings(), endpoint_);
  return protocol_sentence(error, context_->settings(), certificate_asked_);
}

void TlsLink::fail(const std::string& what) {
  const bool open = state_ == State::Open;
  sentence_ = broker_prefix(endpoint_) + (open ? "TLS failed: " : "TLS handshake failed: ") + what;
  if (!context_->reload_trouble().empty())
    sentence_ += "; changed files are not in force: " + context_->reload_trouble();
  state_ = State::Dead;
  ::ERR_clear_error();
}

void TlsLink::fail_deadline() {
  fail(heard_ ? "it stopped answering in the middle of it"
              : "no answer in time: use the port of its TLS listener, or leave tls out");
}

std::string TlsLink::closed_sentence(CloseCause cause, const char* detail) const {
  const bool ended = cause == CloseCause::PeerClosed || cause == CloseCause::Reset;
  const std::string broker = broker_prefix(endpoint_);
  if (ended && state_ == State::Handshaking && !heard_) {
    return broker +
           "TLS handshake failed: closed by the broker at our first bytes: use the port of its "
           "TLS listener, or leave tls out";
  }
  if (ended && state_ == State::Handshaking)
    return broker + "TLS handshake failed: closed by the broker in the middle of it";
  if (ended && certificate_asked_ && !decoded_ && context_->settings().certificate.empty()) {
    return broker +
           "TLS failed: closed by the broker; it asks for a client certificate and "
           "tls.certificate is empty";
  }
  return detail != nullptr ? detail : broker + "closed by the broker";
}

void TlsLink::say_goodbye() noexcept {
  if (state_ != State::Open || staged_ != 0) return;
  ::ERR_clear_error();
  static_cast<void>(::SSL_shutdown(ssl_.get()));
  ::ERR_clear_error();
}

bool TlsLink::buffered() const noexcept {
  return state_ == State::Open && !drained_ && ::SSL_has_pending(ssl_.get()) == 1;
}

std::size_t TlsLink::pull(std::span<std::byte> into) {
  const std::size_t got = inner_.read(id_, into);
  drained_ = got == 0;
  heard_ |= got != 0;
  return got;
}

std::size_t TlsLink::push(std::span<const std::byte> bytes) {
  // The inner transport only reads them.
  const iovec piece{const_cast<std::byte*>(bytes.data()), bytes.size()};
  return inner_.write(id_, {&piece, 1});
}

}  // namespace spillway
