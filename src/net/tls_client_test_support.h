// A client of TlsTransport, its inner transport and a record of what happened.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "net/tls_test_support.h"
#include "net/tls_transport.h"

namespace spillway {

using namespace std::chrono_literals;

inline const Authority& authority() {
  static const Authority made("Authority");
  return made;
}

inline const Authority& foreign() {
  static const Authority made("Foreign");
  return made;
}

inline std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>((i * 31 + (i >> 9)) & 0xff);
  return bytes;
}

class TlsTest : public ::testing::Test, public TransportEvents {
 protected:
  TlsTest() {
    folder_.write("ca.pem", authority().certificate());
    tls_.ca = folder_.path("ca.pem");
    limits_.connections_max = 16;
  }

  // Every connection from now on meets a listener with these settings.
  void listen(const PeerSettings& settings) {
    inner_->peer_of = [context = listener_context(settings)] {
      return std::make_unique<TlsPeer>(context);
    };
  }
  void listen() { listen({.identity = authority().issue({})}); }
  void open() {
    auto opened = TlsTransport::open(std::move(owned_), tls_, limits_);
    ASSERT_TRUE(opened) << opened.error().message();
    transport_ = std::move(*opened);
  }
  // Connects and polls until it is decided.
  ConnectionId connect(const std::string& host = "localhost") {
    if (transport_ == nullptr) open();
    connected_ = closed_ = 0;
    const ConnectionId id = transport_->connect({host, 9093});
    last_ = id;
    poll_until([&] { return connected_ + closed_ != 0; });
    return id;
  }
  bool poll_until(const std::function<bool()>& done) {
    for (int turns = 0; turns < 1'000'000 && !done(); ++turns)
      transport_->poll(transport_->now() + 1ms, *this);
    return done();
  }
  std::size_t write(ConnectionId id, const std::string& bytes) {
    const iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
    return transport_->write(id, {&piece, 1});
  }
  TlsPeer& peer(ConnectionId id) {
    FakeInner::pump(inner_->link(id));
    return *inner_->link(id).peer;
  }
  // What the broker's end has received of data when nobody was let in.
  void expect_refused(const std::vector<std::string>& words) {
    EXPECT_EQ(connected_, 0);
    EXPECT_EQ(closed_, 1);
    EXPECT_EQ(cause_, CloseCause::TlsFailed);
    expect_said({"broker localhost:9093: TLS handshake failed: "});
    expect_said(words);
    EXPECT_FALSE(inner_->links.contains(static_cast<std::uint64_t>(last_)));
  }
  void expect_said(const std::vector<std::string>& words) {
    for (const std::string& word : words)
      EXPECT_NE(sentence_.find(word), std::string::npos) << sentence_ << "\nlacks: " << word;
  }

  void on_connected(ConnectionId id) override {
    ++connected_;
    if (connected_hook_) connected_hook_(id);
  }
  void on_readable(ConnectionId id) override {
    ++readable_;
    std::array<std::byte, 4096> bytes;
    for (std::size_t got; (got = transport_->read(id, std::span(bytes).first(read_size_))) != 0;) {
      received_.append(reinterpret_cast<const char*>(bytes.data()), got);
      if (read_once_) return;
    }
  }
  void on_writable(ConnectionId id) override {
    ++writable_;
    if (writable_hook_) writable_hook_(id);
  }
  void on_closed(ConnectionId /*id*/, CloseCause cause, const char* detail) override {
    ++closed_;
    cause_ = cause;
    sentence_ = detail;
  }

  Folder folder_;
  Tls tls_;
  TlsTransport::Limits limits_;
  std::unique_ptr<FakeInner> owned_ = std::make_unique<FakeInner>();
  FakeInner* inner_ = owned_.get();
  std::unique_ptr<TlsTransport> transport_;
  std::function<void(ConnectionId)> connected_hook_, writable_hook_;
  int connected_ = 0, readable_ = 0, writable_ = 0, closed_ = 0;
  ConnectionId last_{};
  CloseCause cause_{};
  std::string sentence_;
  std::string received_;
  std::size_t read_size_ = 4096;
  bool read_once_ = false;
};

}  // namespace spillway
