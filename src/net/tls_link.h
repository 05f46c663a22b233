// One TLS connection over a connection of the inner transport. OpenSSL sees no socket: it asks this
// class for bytes and gives it bytes.
//
//   pieces ─► staging, 16 KiB ─► SSL_write ─► one TLS record ─► inner.write
//   into ◄─── SSL_read ◄─── OpenSSL's buffer, 17 KiB ◄─── inner.read
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "net/tls_context.h"
#include "net/tls_failure.h"
#include "net/transport.h"

namespace spillway {

// One thread. No method calls anybody but the inner transport's read and write.
class TlsLink {
 public:
  //   Connecting ─► Handshaking ─► Open ─► Dead
  //                      └────────────────┘
  enum class State : std::uint8_t { Connecting, Handshaking, Open, Dead };

  static constexpr std::size_t kStagingBytes = SSL3_RT_MAX_PLAIN_LENGTH;  // a full record

  TlsLink(Transport& inner, ConnectionId id, const Endpoint& endpoint);
  ~TlsLink();
  TlsLink(const TlsLink&) = delete;
  TlsLink& operator=(const TlsLink&) = delete;

  // TCP is up: the handshake may begin. `resume` may be null. The context's settings must outlive
  // the link; its files may change.
  void start(const TlsContext& context, SSL_SESSION* resume, MonoTime deadline);
  // Goes on with the handshake as far as it gets.
  void advance();

  // As of Transport; for links that are not Open, 0.
  [[nodiscard]] std::size_t write(std::span<const iovec> pieces);
  [[nodiscard]] std::size_t read(std::span<std::byte> into);
  // Sends on what was taken. True: nothing of it is left.
  bool flush();
  // Tells the peer that this is the end, if that can be done at once.
  void say_goodbye() noexcept;

  // Dead, for a reason that the inner transport does not know.
  void fail(const std::string& what);
  void fail_deadline();
  // What to say when the inner transport reports the end of this link.
  [[nodiscard]] std::string closed_sentence(CloseCause cause, const char* detail) const;

  [[nodiscard]] State state() const noexcept { return state_; }
  [[nodiscard]] ConnectionId id() const noexcept { return id_; }
  [[nodiscard]] const Endpoint& endpoint() const noexcept { return endpoint_; }
  [[nodiscard]] MonoTime deadline() const noexcept { return deadline_; }
  [[nodiscard]] CloseCause cause() const noexcept { return cause_; }
  [[nodiscard]] const std::string& sentence() const noexcept { return sentence_; }
  // Bytes lie in OpenSSL, perhaps readable: the inner transport will not report them again.
  [[nodiscard]] bool buffered() const noexcept;
  [[nodiscard]] bool read_waits_for_write() const noexcept { return read_waits_for_write_; }
  [[nodiscard]] bool resumed() const noexcept { return ::SSL_session_reused(ssl_.get()) == 1; }

  // For the transport: on_writable is owed; the link stands in its list of links to read again.
  bool write_owed = false;
  bool progressed = false;  // a read gave something
  bool listed = false;

  // For the BIO: bytes between OpenSSL and the inner transport, 0 if none can move now.
  [[nodiscard]] std::size_t pull(std::span<std::byte> into);
  [[nodiscard]] std::size_t push(std::span<const std::byte> bytes);
  // For the callbacks of OpenSSL.
  void note_fault(X509_STORE_CTX* verification) { fault_ = certificate_fault(verification); }
  void note_asked() noexcept { certificate_asked_ = true; }
  void readable() noexcept { drained_ = false; }

 private:
  [[nodiscard]] bool expect_peer(const Tls& tls);
  void verified();
  // After an operation of OpenSSL that did not succeed. True: it will when bytes have moved.
  [[nodiscard]] bool will_go_on(int result, bool& waits_for_write);
  [[nodiscard]] std::string why_failed() const;

  Transport& inner_;
  const ConnectionId id_;
  const Endpoint endpoint_;
  const TlsContext* context_ = nullptr;
  SslPtr ssl_;
  State state_ = State::Connecting;
  MonoTime deadline_ = kNever;
  std::unique_ptr<std::byte[]> staging_;
  std::size_t staged_ = 0;
  bool drained_ = false;  // OpenSSL wants bytes that have not arrived
  bool read_waits_for_write_ = false;
  bool certificate_asked_ = false;
  bool heard_ = false;    // the broker has sent something
  bool decoded_ = false;  // some of it was data
  CertificateFault fault_;
  CloseCause cause_ = CloseCause::TlsFailed;
  std::string sentence_;
};

}  // namespace spillway
