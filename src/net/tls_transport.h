// TLS over any Transport. Who asks for none never meets this class, and pays nothing for it.
//
//   engine ─► TlsTransport ─► TlsLink (OpenSSL) ─► EpollTransport ─► broker
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "net/tls_context.h"
#include "net/tls_link.h"
#include "net/transport.h"

namespace spillway {

// on_connected comes after the handshake, when chain and host name are verified: nothing that is
// written can reach anybody else. Threads as of Transport; one polling thread.
//
// Cost: a handshake is about half a millisecond of CPU (P-256) and allocates, as connect does;
// rotated files are read on the polling thread. Data: a copy into a record of up to 16 KiB, its
// encryption, one inner write. We allocate nothing for it; OpenSSL 3.0 takes and frees up to four
// blocks of 40 bytes a record written.
class TlsTransport final : public Transport, private TransportEvents {
 public:
  struct Limits {
    std::uint32_t connections_max = 64;
    // Of the handshake alone, from TCP's connect on.
    std::chrono::milliseconds handshake_timeout{10'000};
  };

  // The counters of the session tickets and of rotated files. The polling thread.
  struct Counts {
    std::uint64_t handshakes = 0;
    std::uint64_t resumed = 0;  // of them, with a ticket
    std::uint64_t reloads = 0;
    std::uint64_t reload_failures = 0;  // the files changed and could not be used
  };

  // InvalidArgument: see TlsContext::open.
  [[nodiscard]] static Result<std::unique_ptr<TlsTransport>> open(std::unique_ptr<Transport> inner,
                                                                  const Tls& tls,
                                                                  const Limits& limits);
  // OpenSSL's memory for all of it at the worst, as measured.
  [[nodiscard]] static std::size_t memory_bytes(const Tls& tls, const Limits& limits) noexcept;
  // Closes every connection; no event follows.
  ~TlsTransport() override;

  ConnectionId connect(const Endpoint& endpoint) override;
  std::size_t write(ConnectionId id, std::span<const iovec> pieces) override;
  std::size_t read(ConnectionId id, std::span<std::byte> into) override;
  // Says goodbye first, if that needs no waiting.
  void close(ConnectionId id) override;
  // May return before the deadline without an event: a handshake went on.
  void poll(MonoTime deadline, TransportEvents& events) override;
  void wake() noexcept override { inner_->wake(); }
  [[nodiscard]] MonoTime now() noexcept override { return inner_->now(); }

  [[nodiscard]] Counts counts() const noexcept;

 private:
  // Newest ticket of an endpoint.
  struct Ticket {
    Endpoint endpoint;
    SslSessionPtr session;
  };

  TlsTransport(std::unique_ptr<Transport> inner, std::unique_ptr<TlsContext> context,
               const Limits& limits);

  // The inner transport's events.
  void on_connected(ConnectionId id) override;
  void on_readable(ConnectionId id) override;
  void on_writable(ConnectionId id) override;
  void on_closed(ConnectionId id, CloseCause cause, const char* detail) override;

  [[nodiscard]] TlsLink* find(ConnectionId id) noexcept;
  void advance(TlsLink& link);
  void opened(ConnectionId id);
  void pay_writable(ConnectionId id);
  void note_state(TlsLink& link);
  void list_if_buffered(TlsLink& link);
  [[nodiscard]] bool read_again();
  void expire(MonoTime time);
  [[nodiscard]] bool report_dead();
  [[nodiscard]] MonoTime deadline_next() const noexcept;

  static int on_ticket(SSL* ssl, SSL_SESSION* session);
  [[nodiscard]] SSL_SESSION* ticket_for(const Endpoint& endpoint) noexcept;
  void keep_ticket(const Endpoint& endpoint, SslSessionPtr session);
  void forget_ticket(const Endpoint& endpoint) noexcept;

  // First, so that it goes last: links close their sessions over it.
  const std::unique_ptr<Transport> inner_;
  const std::unique_ptr<TlsContext> context_;
  const Limits limits_;
  std::unordered_map<std::uint64_t, std::unique_ptr<TlsLink>> links_;
  std::vector<ConnectionId> dead_;   // to report
  std::vector<ConnectionId> again_;  // OpenSSL may hold readable bytes
  std::vector<ConnectionId> now_again_;
  std::vector<Ticket> tickets_;  // at most connections_max
  std::size_t ticket_next_ = 0;  // the one to go when all are taken
  std::uint32_t handshaking_ = 0;
  std::uint64_t handshakes_ = 0;
  std::uint64_t resumed_ = 0;
  TransportEvents* events_ = nullptr;  // of the running poll
};

}  // namespace spillway
