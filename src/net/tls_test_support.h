// For the tests of TLS: authorities and certificates made on the spot, a broker's end of TLS in
// memory, and an inner transport whose bytes trickle as the test says. No socket, no clock, no
// thread.
#pragma once

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <chrono>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/transport.h"

namespace spillway {

// A folder that goes with the test.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string path(const std::string& name) const { return path_ / name; }
  // Atomically, and with a new inode: as certificates are rotated.
  void write(const std::string& name, const std::string& text) const;

 private:
  std::filesystem::path path_;
};

// PEM texts.
struct Identity {
  std::string certificate;
  std::string key;
};

struct CertificateSpec {
  std::string common_name = "broker";
  std::string names = "DNS:localhost,IP:127.0.0.1,IP:::1";  // subjectAltName; empty: none
  long valid_from_s = -3600;                                // from now
  long valid_until_s = 86'400;
};

class Authority {
 public:
  explicit Authority(const std::string& name);
  ~Authority();
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  [[nodiscard]] std::string certificate() const;
  [[nodiscard]] Identity issue(const CertificateSpec& spec) const;

 private:
  EVP_PKEY* key_;
  X509* certificate_;
};

[[nodiscard]] std::string encrypted_key(const std::string& key, const std::string& password);

// What a broker's listener is set to.
struct PeerSettings {
  Identity identity = {};
  std::string client_ca = {};  // PEM; empty: no client certificate is asked for
  int version_min = TLS1_2_VERSION;
  int version_max = TLS1_3_VERSION;
};

// The context of a listener: tickets of one connection are good for the next.
std::shared_ptr<SSL_CTX> listener_context(const PeerSettings& settings);

// True while the broker's end works: what it allocates is not the client's.
extern bool peer_at_work;

// The broker's end of one connection.
class TlsPeer {
 public:
  explicit TlsPeer(const std::shared_ptr<SSL_CTX>& context);
  ~TlsPeer();
  TlsPeer(const TlsPeer&) = delete;
  TlsPeer& operator=(const TlsPeer&) = delete;

  // Takes what has come and answers: `received` grows, `to_client` has what is to go.
  void feed(const std::string& bytes);
  void send(const std::string& data);
  void end();  // close_notify

  std::string received;
  std::string to_client;
  bool accepted = false;
  bool failed = false;
  bool goodbye = false;  // the client's close_notify came

 private:
  void work();
  std::shared_ptr<SSL_CTX> context_;
  SSL* ssl_;
  std::string to_send_;
};

// One connection after the other, each to a TlsPeer or to a script of raw bytes.
class FakeInner final : public Transport {
 public:
  struct Link {
    std::unique_ptr<TlsPeer> peer;  // null: `raw` speaks
    std::string inbox;              // for the client, from `taken` on
    std::size_t taken = 0;
    std::string outbox;   // from the client, every byte
    std::size_t fed = 0;  // of it to the peer
    bool connected = false;
    bool blocked = false;
    bool ended = false;  // the peer hung up; reported when the inbox is empty
    [[nodiscard]] bool waits() const { return taken < inbox.size(); }
  };
  // Of the peers to come. Null: nobody answers but the test.
  std::function<std::unique_ptr<TlsPeer>()> peer_of = [] { return nullptr; };
  std::size_t read_max = SIZE_MAX;   // bytes of one read
  std::size_t write_max = SIZE_MAX;  // bytes of one write
  MonoTime time{std::chrono::hours(1)};
  std::map<std::uint64_t, Link> links;
  std::uint64_t closes = 0;
  std::function<void(Link&)> on_close = [](Link&) {};

  ConnectionId connect(const Endpoint& endpoint) override;
  std::size_t write(ConnectionId id, std::span<const iovec> pieces) override;
  std::size_t read(ConnectionId id, std::span<std::byte> into) override;
  void close(ConnectionId id) override;
  // Level-triggered, as epoll. Jumps to the deadline if nothing happens.
  void poll(MonoTime deadline, TransportEvents& events) override;
  void wake() noexcept override {}
  [[nodiscard]] MonoTime now() noexcept override { return time; }

  // Lets the broker's end see what has come: not inside write, which OpenSSL calls.
  static void pump(Link& link);
  [[nodiscard]] Link& link(ConnectionId id) { return links.at(static_cast<std::uint64_t>(id)); }

 private:
  bool deliver(std::uint64_t key, TransportEvents& events);
  std::uint64_t next_ = 1;
};

}  // namespace spillway
