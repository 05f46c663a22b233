// That no byte is lost, doubled, sent too early or kept too long, however the bytes trickle.
#include "net/tls_client_test_support.h"

namespace spillway {
namespace {

TEST_F(TlsTest, IsConnectedAfterTheHandshakeAndNotBefore) {
  listen();
  open();
  const ConnectionId id = transport_->connect({"localhost", 9093});
  EXPECT_EQ(write(id, "too early"), 0U);
  connected_hook_ = [&](ConnectionId mine) { EXPECT_TRUE(peer(mine).accepted); };
  ASSERT_TRUE(poll_until([&] { return connected_ == 1; }));
  EXPECT_EQ(writable_, 1) << "who wrote too early is told";
  EXPECT_EQ(write(id, "hello"), 5U);
  EXPECT_EQ(peer(id).received, "hello");
  peer(id).send("answer");
  ASSERT_TRUE(poll_until([&] { return received_ == "answer"; }));
  EXPECT_EQ(inner_->link(id).outbox.find("hello"), std::string::npos) << "it was encrypted";
}

TEST_F(TlsTest, AByteAtATimeIsEnough) {
  listen();
  inner_->read_max = inner_->write_max = 1;
  const ConnectionId id = connect();
  ASSERT_EQ(connected_, 1);
  const std::string data = pattern(20'000);
  std::size_t sent = 0;
  writable_hook_ = [&](ConnectionId mine) { sent += write(mine, data.substr(sent)); };
  sent = write(id, data);
  peer(id).send(data);
  ASSERT_TRUE(poll_until(
      [&] { return peer(id).received.size() >= data.size() && received_.size() >= data.size(); }));
  EXPECT_EQ(peer(id).received, data);
  EXPECT_EQ(received_, data);
}

TEST_F(TlsTest, MuchDataGoesBothWaysThroughNarrowPipes) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    listen({.identity = authority().issue({}), .version_max = version});
    received_.clear();
    inner_->read_max = 1'000;
    inner_->write_max = 777;
    const ConnectionId id = connect();
    ASSERT_EQ(connected_, 1);
    const std::string data = pattern(3'000'000);
    std::size_t sent = 0;
    const auto more = [&](ConnectionId mine) {
      while (sent < data.size()) {  // in pieces of changing size, as batches are
        const std::size_t size = std::min(data.size() - sent, 1 + (sent * 7 % 40'000));
        const std::size_t taken = write(mine, data.substr(sent, size));
        sent += taken;
        if (taken < size) return;
      }
    };
    writable_hook_ = more;
    more(id);
    peer(id).send(data);
    ASSERT_TRUE(poll_until([&] {
      return peer(id).received.size() >= data.size() && received_.size() >= data.size();
    }));
    EXPECT_TRUE(peer(id).received == data);
    EXPECT_TRUE(received_ == data);
    transport_->close(id);
  }
}

TEST_F(TlsTest, PiecesAreGatheredIntoFullRecords) {
  listen();
  const ConnectionId id = connect();
  const std::string page = pattern(1'000);
  const std::vector<iovec> pieces(100, {const_cast<char*>(page.data()), page.size()});
  const std::size_t before = inner_->link(id).outbox.size();
  EXPECT_EQ(transport_->write(id, pieces), 100'000U);
  EXPECT_EQ(peer(id).received.size(), 100'000U);
  const std::string wire = inner_->link(id).outbox.substr(before);
  std::size_t records = 0;
  for (std::size_t at = 0; at < wire.size(); ++records) {
    const auto high = static_cast<unsigned char>(wire[at + 3]);
    at += 5 + high * 256U + static_cast<unsigned char>(wire[at + 4]);
  }
  EXPECT_EQ(records, 7U);  // 100,000 / 16,384, rounded up
}

TEST_F(TlsTest, AReaderThatStopsEarlyIsCalledAgainWithoutNewBytes) {
  listen();
  const ConnectionId id = connect();
  read_once_ = true;
  read_size_ = 10;
  peer(id).send("0123456789abcdefghijABCDEFGHIJ");
  for (int turn = 0; turn < 10; ++turn) transport_->poll(transport_->now() + 1ms, *this);
  EXPECT_EQ(received_, "0123456789abcdefghijABCDEFGHIJ");
  const MonoTime before = inner_->time;
  transport_->poll(before + 1h, *this);
  EXPECT_EQ(inner_->time, before + 1h) << "afterwards poll waits again";
}

TEST_F(TlsTest, WhatArrivedBeforeTheEndIsReadBeforeTheEnd) {
  listen();
  const ConnectionId id = connect();
  read_once_ = true;
  read_size_ = 3;
  peer(id).send("last words");
  inner_->link(id).ended = true;
  ASSERT_TRUE(poll_until([&] { return closed_ == 1; }));
  EXPECT_EQ(received_, "last words");
  EXPECT_EQ(cause_, CloseCause::PeerClosed);
}

TEST_F(TlsTest, CloseSaysGoodbye) {
  listen();
  const ConnectionId id = connect();
  bool goodbye = false;
  inner_->on_close = [&](FakeInner::Link& link) { goodbye = link.peer->goodbye; };
  transport_->close(id);
  EXPECT_TRUE(goodbye);
  EXPECT_EQ(inner_->closes, 1U);
  transport_->poll(transport_->now(), *this);
  EXPECT_EQ(closed_, 0) << "no event follows";
}

TEST_F(TlsTest, ThePeersGoodbyeIsAnOrderlyEnd) {
  listen();
  const ConnectionId id = connect();
  peer(id).send("bye");
  peer(id).end();
  ASSERT_TRUE(poll_until([&] { return closed_ == 1; }));
  EXPECT_EQ(received_, "bye");
  EXPECT_EQ(cause_, CloseCause::PeerClosed);
  EXPECT_EQ(sentence_, "broker localhost:9093: closed by the broker");
}

TEST_F(TlsTest, AFlippedBitEndsTheConnection) {
  listen();
  const ConnectionId id = connect();
  TlsPeer& there = peer(id);
  poll_until([&] { return !inner_->link(id).waits(); });
  there.send("precious");
  inner_->link(id).inbox += std::exchange(there.to_client, {});
  inner_->link(id).inbox.back() ^= 1;
  ASSERT_TRUE(poll_until([&] { return closed_ == 1; }));
  EXPECT_EQ(received_, "");
  EXPECT_EQ(cause_, CloseCause::TlsFailed);
  expect_said({"broker localhost:9093: TLS failed: ", "mac"});
}

TEST_F(TlsTest, ClosingInMidHandshakeOrInACallbackIsSafe) {
  listen();
  open();
  const ConnectionId early = transport_->connect({"localhost", 9093});
  transport_->close(early);
  const ConnectionId middle = transport_->connect({"localhost", 9093});
  transport_->poll(transport_->now(), *this);
  transport_->close(middle);
  transport_->poll(transport_->now() + 1ms, *this);
  EXPECT_EQ(connected_ + closed_, 0);
  connected_hook_ = [&](ConnectionId id) { transport_->close(id); };
  connect();
  EXPECT_EQ(connected_, 1);
  EXPECT_EQ(inner_->links.size(), 0U);
  EXPECT_EQ(inner_->closes, 3U);
}

TEST_F(TlsTest, TheTableOfConnectionsIsBounded) {
  limits_.connections_max = 4;
  listen();
  open();
  for (int i = 0; i < 4; ++i) EXPECT_NE(transport_->connect({"localhost", 9093}), ConnectionId{});
  EXPECT_EQ(transport_->connect({"localhost", 9093}), ConnectionId{});
}

}  // namespace
}  // namespace spillway
