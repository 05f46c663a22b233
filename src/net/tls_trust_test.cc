// Who is let in, who is not, and what is said about it.
#include "net/tls_client_test_support.h"

namespace spillway {
namespace {

TEST_F(TlsTest, AnotherAuthorityIsRefusedByName) {
  listen({.identity = foreign().issue({})});
  connect();
  expect_refused({"nobody in '" + tls_.ca + "'", "/CN=broker", "tls.ca"});
}

TEST_F(TlsTest, AnExpiredCertificateIsRefusedWithItsDate) {
  listen({.identity = authority().issue({.valid_from_s = -7200, .valid_until_s = -3600})});
  connect();
  expect_refused({"/CN=broker", "expired on 20", "UTC", "renew"});
}

TEST_F(TlsTest, ACertificateOfTomorrowIsRefusedWithItsDate) {
  listen({.identity = authority().issue({.valid_from_s = 3600})});
  connect();
  expect_refused({"valid only from 20", "clock"});
}

TEST_F(TlsTest, AnotherNameIsRefusedAndBothAreSaid) {
  listen({.identity = authority().issue({.names = "DNS:kafka.example,IP:10.1.2.3"})});
  connect();
  expect_refused({"kafka.example, 10.1.2.3", "not for 'localhost'"});
  connect("127.0.0.1");
  expect_said({"not for '127.0.0.1'"});
  EXPECT_EQ(connected_, 0);
}

TEST_F(TlsTest, NamesAndAddressesAreComparedWithTheirOwnKind) {
  struct Row {
    const char* names;
    const char* host;
    bool fits;
  };
  const Row rows[] = {{"DNS:localhost", "localhost", true},
                      {"DNS:localhost", "localhost.", true},
                      {"DNS:127.0.0.1", "127.0.0.1", false},
                      {"IP:127.0.0.1", "127.0.0.1", true},
                      {"IP:::1", "::1", true},
                      {"IP:::2", "::1", false},
                      {"DNS:*.kafka.example", "b1.kafka.example", true},
                      {"DNS:*.kafka.example", "a.b1.kafka.example", false},
                      {"DNS:b*.kafka.example", "b1.kafka.example", false}};
  for (const Row& row : rows) {
    listen({.identity = authority().issue({.names = row.names})});
    connect(row.host);
    EXPECT_EQ(connected_, row.fits ? 1 : 0) << row.names << " " << row.host << ": " << sentence_;
  }
}

TEST_F(TlsTest, WithoutVerifyHostTheChainStillCounts) {
  tls_.verify_host = false;
  listen({.identity = authority().issue({.names = "DNS:other"})});
  connect();
  EXPECT_EQ(connected_, 1);
  listen({.identity = foreign().issue({})});
  connect();
  EXPECT_EQ(connected_, 0);
}

TEST_F(TlsTest, WithoutVerifyPeerAnybodyIsBelieved) {
  tls_.verify_host = tls_.verify_peer = false;
  listen({.identity = foreign().issue({.names = "DNS:other", .valid_until_s = -10})});
  connect();
  EXPECT_EQ(connected_, 1);
}

// What a port that speaks no TLS answers, and what is said.
TEST_F(TlsTest, APortWithoutTlsIsCalledThat) {
  struct Row {
    std::string answer;
    bool ends;
    const char* words;
  };
  const Row rows[] = {
      {"", true, "closed by the broker at our first bytes: use the port of its TLS listener"},
      {std::string("\0\0\0\x0a\0\0\0\1\0\x23\0\0\0\0", 14), false, "does not speak TLS"},
      {"HTTP/1.1 400 Bad Request\r\n\r\n", false, "does not speak TLS"},
      {pattern(5'000), true, "does not speak TLS"},
      {std::string("\x16\x03\x03\x40", 4), true, "in the middle"},
      {std::string("\x15\x03\x03\x00\x02\x02\x46", 7), true, "no TLS version in common"},
      {std::string("\x15\x03\x03\x00\x02\x02\x28", 7), true, "no cipher suite in common"},
  };
  for (const Row& row : rows) {
    if (transport_ == nullptr) open();
    closed_ = 0;
    const ConnectionId id = transport_->connect({"localhost", 9093});
    transport_->poll(transport_->now(), *this);
    inner_->link(id).inbox = row.answer;
    inner_->link(id).ended = row.ends;
    poll_until([&] { return closed_ != 0; });
    expect_refused({row.words});
  }
}

TEST_F(TlsTest, AHandshakeThatHangsEndsAtItsDeadline) {
  limits_.handshake_timeout = 3s;
  open();
  const MonoTime before = inner_->time;
  connect();  // nobody answers
  expect_refused({"no answer in time"});
  EXPECT_GE(inner_->time, before + 3s);
  EXPECT_LT(inner_->time, before + 4s);

  closed_ = 0;
  const ConnectionId id = transport_->connect({"localhost", 9093});
  transport_->poll(transport_->now(), *this);
  inner_->link(id).inbox = std::string("\x16\x03\x03\x10\0\x02", 6);  // a record that never ends
  poll_until([&] { return closed_ != 0; });
  expect_refused({"stopped answering"});
}

TEST_F(TlsTest, NoVersionInCommonIsSaid) {
  tls_.version_min = TlsVersion::V1_3;
  listen({.identity = authority().issue({}), .version_max = TLS1_2_VERSION});
  connect();
  expect_refused({"no TLS version in common", "1.3 only"});
}

TEST_F(TlsTest, NoCipherInCommonIsSaid) {
  tls_.ciphers = "ECDHE-RSA-AES128-GCM-SHA256";  // the broker's key is no RSA key
  listen({.identity = authority().issue({}), .version_max = TLS1_2_VERSION});
  connect();
  expect_refused({"no cipher suite in common", "tls.ciphers"});
}

TEST_F(TlsTest, ABrokerThatAsksForACertificateAndGetsNoneIsNamed) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    listen({.identity = authority().issue({}),
            .client_ca = authority().certificate(),
            .version_max = version});
    connect();
    // In 1.3 the client is through before the broker has looked.
    poll_until([&] { return closed_ != 0; });
    EXPECT_EQ(cause_, CloseCause::TlsFailed);
    expect_said(
        {"broker localhost:9093", "asks for a client certificate", "tls.certificate is empty"});
  }
}

TEST_F(TlsTest, TheClientsCertificateOpensTheDoorAndAForeignOneDoesNot) {
  const auto use = [&](const Identity& identity) {
    folder_.write("client.pem", identity.certificate);
    folder_.write("client.key", encrypted_key(identity.key, "secret"));
  };
  use(authority().issue({.common_name = "client"}));
  tls_.certificate = folder_.path("client.pem");
  tls_.key = folder_.path("client.key");
  tls_.key_password = "secret";
  listen({.identity = authority().issue({}), .client_ca = authority().certificate()});
  const ConnectionId id = connect();
  ASSERT_EQ(connected_, 1) << sentence_;
  EXPECT_EQ(write(id, "x"), 1U);
  EXPECT_EQ(peer(id).received, "x");
  use(foreign().issue({.common_name = "client"}));  // rotated, to something that will not do
  connect();
  poll_until([&] { return closed_ != 0; });
  expect_said({"refuses our certificate '" + tls_.certificate});
  EXPECT_EQ(transport_->counts().reloads, 1U);
}

TEST_F(TlsTest, ASecondConnectionUsesTheTicketOfTheFirst) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    transport_.reset();
    received_.clear();
    owned_ = std::make_unique<FakeInner>();
    inner_ = owned_.get();
    listen({.identity = authority().issue({}), .version_max = version});
    const ConnectionId first = connect();
    peer(first).send("x");  // behind it the tickets of 1.3
    poll_until([&] { return !received_.empty(); });
    transport_->close(first);
    connect();
    EXPECT_EQ(connected_, 1);
    EXPECT_EQ(transport_->counts().resumed, 1U) << version;
    inner_->link(last_).ended = true;  // without a goodbye
    poll_until([&] { return closed_ == 1; });
    connect();
    EXPECT_EQ(transport_->counts().resumed, 2U) << "an untidy end spoils no ticket";
    connect("127.0.0.1");
    EXPECT_EQ(connected_, 1);
    EXPECT_EQ(transport_->counts().resumed, 2U) << "a ticket is for its endpoint only";
  }
}

TEST_F(TlsTest, ATicketDoesNotOutliveTheAuthority) {
  listen();
  const ConnectionId first = connect();
  peer(first).send("x");
  poll_until([&] { return !received_.empty(); });
  folder_.write("ca.pem", foreign().certificate());
  connect();
  expect_refused({"nobody in"});
  EXPECT_EQ(transport_->counts().resumed, 0U);
}

TEST_F(TlsTest, RotatedAuthoritiesAreReadForTheNextConnection) {
  listen();
  const ConnectionId old = connect();
  ASSERT_EQ(connected_, 1);
  folder_.write("ca.pem", foreign().certificate());
  listen({.identity = foreign().issue({})});
  connect();
  EXPECT_EQ(connected_, 1) << sentence_;
  EXPECT_EQ(transport_->counts().reloads, 1U);
  EXPECT_EQ(write(old, "still"), 5U);
  EXPECT_EQ(peer(old).received, "still") << "a connection of before goes on";
}

TEST_F(TlsTest, FilesThatCannotBeReadLeaveTheOldOnesInForce) {
  listen();
  connect();
  folder_.write("ca.pem", "half of a fi");
  connect();
  EXPECT_EQ(connected_, 1) << sentence_;
  EXPECT_EQ(transport_->counts().reload_failures, 1U);
  listen({.identity = foreign().issue({})});
  connect();
  expect_refused({"changed files are not in force", tls_.ca});
  folder_.write("ca.pem", foreign().certificate());
  connect();
  EXPECT_EQ(connected_, 1) << "a later whole file is taken: " << sentence_;
}

}  // namespace
}  // namespace spillway
