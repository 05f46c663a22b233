#include "net/tls_transport.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"

namespace spillway {
namespace {

// Measured with OpenSSL 3.0, TLS 1.2 and 1.3, see tls_memory_test.cc: an open link with its ticket
// holds 50 KiB, of which 33 are the buffers of OpenSSL, and 93 KiB if the broker's certificate has
// 400 names. A handshake takes up to 66 KiB more; it gives them back before another one goes on.
constexpr std::size_t kLinkBytes = 96 << 10;
constexpr std::size_t kHandshakeBytes = 128 << 10;

std::uint64_t key_of(ConnectionId id) noexcept {
  return static_cast<std::uint64_t>(id);
}

// The broker's certificate was verified when the session began; it may have expired since.
bool still_valid(const SSL_SESSION* session) noexcept {
  const X509* peer = ::SSL_SESSION_get0_peer(const_cast<SSL_SESSION*>(session));  // only read
  return peer == nullptr || ::X509_cmp_current_time(::X509_get0_notAfter(peer)) > 0;
}

}  // namespace

Result<std::unique_ptr<TlsTransport>> TlsTransport::open(std::unique_ptr<Transport> inner,
                                                         const Tls& tls, const Limits& limits) {
  if (limits.handshake_timeout <= std::chrono::milliseconds::zero())
    return Error(ErrorCode::InvalidArgument, "handshake_timeout must be positive");
  auto context = TlsContext::open(tls);
  if (!context) return context.error();
  return std::unique_ptr<TlsTransport>(
      new TlsTransport(std::move(inner), std::move(*context), limits));
}

std::size_t TlsTransport::memory_bytes(const Tls& tls, const Limits& limits) noexcept {
  return TlsContext::memory_bytes(tls) + kHandshakeBytes +
         limits.connections_max * (kLinkBytes + sizeof(TlsLink) + sizeof(Ticket) +
                                   3 * sizeof(ConnectionId) + TlsLink::kStagingBytes);
}

TlsTransport::TlsTransport(std::unique_ptr<Transport> inner, std::unique_ptr<TlsContext> context,
                           const Limits& limits)
    : inner_(std::move(inner)), context_(std::move(context)), limits_(limits) {
  // So that read, write and poll need no heap for them.
  links_.reserve(limits.connections_max);
  dead_.reserve(limits.connections_max);
  again_.reserve(limits.connections_max);
  now_again_.reserve(limits.connections_max);
  tickets_.reserve(limits.connections_max);
}

TlsTransport::~TlsTransport() {
  for (auto& [key, link] : links_) link->say_goodbye();
}

ConnectionId TlsTransport::connect(const Endpoint& endpoint) {
  if (links_.size() >= limits_.connections_max) return ConnectionId{};
  const ConnectionId id = inner_->connect(endpoint);
  if (id != ConnectionId{})
    links_.emplace(key_of(id), std::make_unique<TlsLink>(*inner_, id, endpoint));
  return id;
}

std::size_t TlsTransport::write(ConnectionId id, std::span<const iovec> pieces) {
  TlsLink* const link = find(id);
  if (link == nullptr || link->state() == TlsLink::State::Dead) return 0;
  std::size_t offered = 0;
  for (const iovec& piece : pieces) offered += piece.iov_len;
  const std::size_t taken = link->write(pieces);
  link->write_owed |= taken < offered;
  note_state(*link);
  return taken;
}

std::size_t TlsTransport::read(ConnectionId id, std::span<std::byte> into) {
  TlsLink* const link = find(id);
  if (link == nullptr || link->state() == TlsLink::State::Dead) return 0;
  const std::size_t got = link->read(into);
  note_state(*link);
  list_if_buffered(*link);
  return got;
}

void TlsTransport::close(ConnectionId id) {
  TlsLink* const link = find(id);
  if (link == nullptr) return;
  if (link->state() == TlsLink::State::Handshaking) --handshaking_;
  link->say_goodbye();
  links_.erase(key_of(id));
  inner_->close(id);
}

void TlsTransport::poll(MonoTime deadline, TransportEvents& events) {
  SPILL_CHECK(std::exchange(events_, &events) == nullptr,
              "poll is not called from its own callbacks");
  const bool reported = report_dead();
  const bool delivered = read_again() || reported;
  inner_->poll(delivered ? now() : std::min(deadline, deadline_next()), *this);
  if (handshaking_ != 0) expire(now());
  static_cast<void>(report_dead());
  events_ = nullptr;
}

TlsTransport::Counts TlsTransport::counts() const noexcept {
  return {handshakes_, resumed_, context_->reloads(), context_->reload_failures()};
}

void TlsTransport::on_connected(ConnectionId id) {
  TlsLink* const link = find(id);
  if (link == nullptr) return;
  // A ticket was given to somebody whom the old authorities vouched for.
  if (context_->refresh()) tickets_.clear();
  ++handshaking_;
  ::SSL_CTX_sess_set_new_cb(context_->get(), &TlsTransport::on_ticket);
  SSL_CTX_set_app_data(context_->get(), this);
  link->start(*context_, ticket_for(link->endpoint()), now() + limits_.handshake_timeout);
  advance(*link);
}

void TlsTransport::on_readable(ConnectionId id) {
  TlsLink* link = find(id);
  if (link == nullptr) return;
  link->readable();
  if (link->state() == TlsLink::State::Handshaking) return advance(*link);
  if (link->state() != TlsLink::State::Open) return;
  events_->on_readable(id);
  link = find(id);
  if (link == nullptr) return;
  list_if_buffered(*link);
  // What OpenSSL owes for what it has read goes with the next write, or now.
  pay_writable(id);
}

void TlsTransport::on_writable(ConnectionId id) {
  TlsLink* link = find(id);
  if (link == nullptr) return;
  if (link->state() == TlsLink::State::Handshaking) return advance(*link);
  pay_writable(id);
  link = find(id);
  if (link != nullptr && link->state() == TlsLink::State::Open && link->read_waits_for_write())
    events_->on_readable(id);
}

void TlsTransport::on_closed(ConnectionId id, CloseCause cause, const char* detail) {
  TlsLink* link = find(id);
  if (link == nullptr || link->state() == TlsLink::State::Dead) return;  // report_dead tells why
  // What arrived before the end and lies in OpenSSL is still an answer, for as long as it is read.
  link->progressed = true;
  while (link->buffered() && std::exchange(link->progressed, false)) {
    events_->on_readable(id);
    link = find(id);
    if (link == nullptr || link->state() == TlsLink::State::Dead) return;
  }
  const bool failed = link->state() == TlsLink::State::Handshaking;
  if (failed) --handshaking_;
  const std::string sentence = link->closed_sentence(cause, detail);
  links_.erase(key_of(id));  // first: the callback may connect again
  events_->on_closed(id, failed ? CloseCause::TlsFailed : cause, sentence.c_str());
}

TlsLink* TlsTransport::find(ConnectionId id) noexcept {
  const auto found = links_.find(key_of(id));
  return found == links_.end() ? nullptr : found->second.get();
}

void TlsTransport::advance(TlsLink& link) {
  link.advance();
  if (link.state() == TlsLink::State::Handshaking) return;
  --handshaking_;
  if (link.state() == TlsLink::State::Dead) return dead_.push_back(link.id());
  ++handshakes_;
  resumed_ += link.resumed() ? 1 : 0;
  opened(link.id());
}

void TlsTransport::opened(ConnectionId id) {
  events_->on_connected(id);
  pay_writable(id);  // who wrote too early waits for it
  TlsLink* const link = find(id);
  if (link != nullptr) list_if_buffered(*link);
}

void TlsTransport::pay_writable(ConnectionId id) {
  TlsLink* const link = find(id);
  if (link == nullptr || link->state() != TlsLink::State::Open) return;
  const bool free = link->flush();
  note_state(*link);
  if (free && std::exchange(link->write_owed, false)) events_->on_writable(id);
}

// A link may die in read, write and flush; it does so once.
void TlsTransport::note_state(TlsLink& link) {
  if (link.state() == TlsLink::State::Dead) dead_.push_back(link.id());
}

void TlsTransport::list_if_buffered(TlsLink& link) {
  if (link.listed || !link.buffered()) return;
  link.listed = true;
  again_.push_back(link.id());
}

// Those whose reader stopped early: the inner transport has given all it had and will stay silent.
bool TlsTransport::read_again() {
  bool delivered = false;
  std::swap(again_, now_again_);
  for (const ConnectionId id : now_again_) {
    TlsLink* link = find(id);
    if (link == nullptr) continue;
    link->listed = false;
    if (!link->buffered()) continue;  // it read on, to the end
    delivered = true;
    events_->on_readable(id);
    link = find(id);
    if (link != nullptr) list_if_buffered(*link);
  }
  now_again_.clear();
  return delivered;
}

void TlsTransport::expire(MonoTime time) {
  for (auto& [key, link] : links_) {
    if (link->state() != TlsLink::State::Handshaking || link->deadline() > time) continue;
    --handshaking_;
    link->fail_deadline();
    dead_.push_back(link->id());
  }
}

bool TlsTransport::report_dead() {
  const bool some = !dead_.empty();
  while (!dead_.empty()) {
    const ConnectionId id = dead_.back();
    dead_.pop_back();
    const auto found = links_.find(key_of(id));
    if (found == links_.end()) continue;
    const std::unique_ptr<TlsLink> link = std::move(found->second);
    links_.erase(found);  // first: the callback may connect again
    inner_->close(id);
    if (link->cause() == CloseCause::TlsFailed) forget_ticket(link->endpoint());
    events_->on_closed(id, link->cause(), link->sentence().c_str());
  }
  return some;
}

MonoTime TlsTransport::deadline_next() const noexcept {
  MonoTime next = kNever;
  if (handshaking_ == 0) return next;
  for (const auto& [key, link] : links_) next = std::min(next, link->deadline());
  return next;
}

int TlsTransport::on_ticket(SSL* ssl, SSL_SESSION* session) {
  auto* const transport = static_cast<TlsTransport*>(SSL_CTX_get_app_data(::SSL_get_SSL_CTX(ssl)));
  // Of a context that has been replaced since: its authorities may be gone.
  if (::SSL_get_SSL_CTX(ssl) != transport->context_->get()) return 0;
  const auto* link = static_cast<const TlsLink*>(SSL_get_app_data(ssl));
  transport->keep_ticket(link->endpoint(), SslSessionPtr(session));
  return 1;  // the reference is ours
}

SSL_SESSION* TlsTransport::ticket_for(const Endpoint& endpoint) noexcept {
  for (Ticket& ticket : tickets_) {
    if (ticket.endpoint == endpoint && still_valid(ticket.session.get()))
      return ticket.session.get();
  }
  return nullptr;
}

void TlsTransport::keep_ticket(const Endpoint& endpoint, SslSessionPtr session) {
  for (Ticket& ticket : tickets_) {
    if (ticket.endpoint != endpoint) continue;
    ticket.session = std::move(session);
    return;
  }
  if (tickets_.size() < limits_.connections_max) {
    tickets_.push_back({endpoint, std::move(session)});
    return;
  }
  ticket_next_ = (ticket_next_ + 1) % tickets_.size();
  tickets_[ticket_next_] = {endpoint, std::move(session)};
}

void TlsTransport::forget_ticket(const Endpoint& endpoint) noexcept {
  std::erase_if(tickets_, [&](const Ticket& ticket) { return ticket.endpoint == endpoint; });
}

}  // namespace spillway
