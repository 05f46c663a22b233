#include "net/epoll_transport.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <thread>

#include "net/net_test_support.h"

namespace spillway {
namespace {

class EpollTransportTest : public ::testing::Test {
 protected:
  void open(EpollTransport::Options options) {
    auto opened = EpollTransport::open(std::move(options));
    ASSERT_TRUE(opened.ok()) << static_cast<int>(opened.code());
    transport_ = std::move(opened).value();
    events_ = std::make_unique<Recorder>(*transport_);
  }
  void SetUp() override { open({}); }

  // A connection and the accepted end of it.
  std::pair<ConnectionId, Socket> establish() {
    const ConnectionId id = transport_->connect({"127.0.0.1", listener_.port()});
    EXPECT_TRUE(events_->poll_until("connected"));
    return {id, listener_.accept()};
  }
  std::size_t write(ConnectionId id, const std::string& bytes) {
    const iovec piece = piece_of(bytes);
    return transport_->write(id, {&piece, 1});
  }

  Listener listener_;
  std::unique_ptr<EpollTransport> transport_;
  std::unique_ptr<Recorder> events_;
};

TEST_F(EpollTransportTest, WritesPiecesInOrderAndReadsTheEcho) {
  auto [id, peer] = establish();
  const std::string head = "head ", body(2000, 'b'), tail = " tail";
  const std::array pieces{piece_of(head), piece_of(body), piece_of(tail)};
  ASSERT_EQ(transport_->write(id, pieces), 2010U);
  const std::string echo = peer.receive(2010);
  EXPECT_EQ(echo, head + body + tail);
  peer.send(echo);
  ASSERT_TRUE(events_->poll_until([&] { return events_->received.size() == 2010; }));
  EXPECT_EQ(events_->received, echo);
}

TEST_F(EpollTransportTest, NothingIsDeliveredOutsidePoll) {
  const ConnectionId id = transport_->connect({"127.0.0.1", listener_.port()});
  EXPECT_NE(id, ConnectionId{0});
  transport_->connect({"127.0.0.1", closed_port()});
  EXPECT_TRUE(events_->log.empty());
}

TEST_F(EpollTransportTest, ConnectedSocketsHaveNoDelayAndKeepalive) {
  auto [id, peer] = establish();
  // The transport's own descriptors are private: find the socket by its peer's address.
  sockaddr_in peer_name{};
  socklen_t size = sizeof peer_name;
  ::getpeername(peer.fd(), reinterpret_cast<sockaddr*>(&peer_name), &size);
  int found = 0;
  for (int fd = 0; fd < 256; ++fd) {
    sockaddr_in name{};
    size = sizeof name;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0) continue;
    if (name.sin_port != peer_name.sin_port) continue;
    int no_delay = 0, keepalive = 0;
    size = sizeof no_delay;
    ::getsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &no_delay, &size);
    ::getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &keepalive, &size);
    EXPECT_NE(no_delay, 0);
    EXPECT_NE(keepalive, 0);
    ++found;
  }
  EXPECT_EQ(found, 1);
}

TEST_F(EpollTransportTest, AHalfWriteIsFollowedByWritableUntilAllIsTaken) {
  auto [id, peer] = establish();
  const std::string data(32U << 20, 'x');  // more than the kernel's buffers grow to
  std::size_t sent = 0;
  const auto push = [&](ConnectionId self) {
    const iovec rest{const_cast<char*>(data.data()) + sent, data.size() - sent};
    sent += transport_->write(self, {&rest, 1});
  };
  push(id);
  ASSERT_LT(sent, data.size());
  ASSERT_GT(sent, 0U);
  const std::size_t blocked = sent;
  push(id);
  EXPECT_EQ(sent, blocked) << "a blocked connection takes nothing before on_writable";
  std::string got;
  std::thread reader([&, from = &peer] { got = from->receive(data.size()); });
  events_->writable_hook = push;
  EXPECT_TRUE(events_->poll_until([&] { return sent == data.size(); }));
  reader.join();
  EXPECT_EQ(got.size(), data.size());
  const std::size_t writables = events_->count("writable");
  EXPECT_GT(writables, 0U);
  transport_->poll(mono_now() + 20ms, *events_);
  EXPECT_EQ(events_->count("writable"), writables) << "no on_writable without a short write";
}

TEST_F(EpollTransportTest, MoreThan1024PiecesAreTakenInSeveralWrites) {
  auto [id, peer] = establish();
  const std::string byte = "p";
  const std::vector<iovec> pieces(1500, piece_of(byte));
  ASSERT_EQ(transport_->write(id, pieces), 1024U);
  ASSERT_TRUE(events_->poll_until("writable"));
  EXPECT_EQ(transport_->write(id, std::span(pieces).subspan(1024)), 476U);
  EXPECT_EQ(peer.receive(1500).size(), 1500U);
}

TEST_F(EpollTransportTest, AWriteBeforeConnectedIsAnsweredByWritable) {
  const ConnectionId id = transport_->connect({"127.0.0.1", listener_.port()});
  EXPECT_EQ(write(id, "early"), 0U);
  ASSERT_TRUE(events_->poll_until("writable"));
  EXPECT_EQ(events_->log, (std::vector<std::string>{"connected", "writable"}));
  EXPECT_EQ(write(id, "early"), 5U);
}

TEST_F(EpollTransportTest, AReaderThatStopsEarlyIsCalledAgain) {
  auto [id, peer] = establish();
  peer.send("waiting");
  events_->read_all = false;
  ASSERT_TRUE(events_->poll_until("readable"));
  std::array<std::byte, 3> some;
  EXPECT_EQ(transport_->read(id, some), 3U);
  events_->read_all = true;
  ASSERT_TRUE(events_->poll_until([&] { return events_->received == "ting"; }));
}

TEST_F(EpollTransportTest, AnOrderlyEndIsReportedAfterTheLastBytes) {
  auto [id, peer] = establish();
  peer.send("last words");
  peer.close();
  ASSERT_TRUE(events_->poll_until("closed"));
  EXPECT_EQ(events_->received, "last words");
  EXPECT_EQ(events_->cause, CloseCause::PeerClosed);
  EXPECT_EQ(events_->sentence,
            "broker 127.0.0.1:" + std::to_string(listener_.port()) + ": closed by the broker");
  EXPECT_EQ(write(id, "x"), 0U);
  EXPECT_EQ(events_->count("closed"), 1U);
}

TEST_F(EpollTransportTest, APeersResetIsReportedOnce) {
  auto [id, peer] = establish();
  peer.reset();
  ASSERT_TRUE(events_->poll_until("closed"));
  EXPECT_EQ(events_->cause, CloseCause::Reset);
  EXPECT_NE(events_->sentence.find(": read failed: connection reset by peer"), std::string::npos)
      << events_->sentence;
  transport_->poll(mono_now() + 20ms, *events_);
  EXPECT_EQ(events_->count("closed"), 1U);
}

TEST_F(EpollTransportTest, ADeathInsideWriteIsReportedByTheNextPoll) {
  auto [id, peer] = establish();
  peer.reset();
  EXPECT_EQ(write(id, "into the void"), 0U);
  EXPECT_EQ(events_->count("closed"), 0U);
  EXPECT_EQ(write(id, "again"), 0U);
  transport_->poll(mono_now() - 1s, *events_);
  EXPECT_EQ(events_->count("closed"), 1U);
  EXPECT_EQ(events_->cause, CloseCause::Reset);
  EXPECT_NE(events_->sentence.find(": write failed: "), std::string::npos) << events_->sentence;
}

TEST_F(EpollTransportTest, AnswersThatArrivedBeforeAWriteFailedAreStillRead) {
  auto [id, peer] = establish();
  peer.send("the last answer");
  peer.close();
  // The first write after FIN provokes a RST, a later one fails with EPIPE.
  const MonoTime limit = mono_now() + 5s;
  while (write(id, "x") != 0 && mono_now() < limit) std::this_thread::sleep_for(1ms);
  ASSERT_TRUE(events_->poll_until("closed"));
  EXPECT_EQ(events_->received, "the last answer");
}

TEST_F(EpollTransportTest, CloseForgetsAtOnceAndTheIdIsDeadForEver) {
  auto [id, peer] = establish();
  transport_->close(id);
  transport_->close(id);
  EXPECT_EQ(peer.receive(1), "");
  auto [next, next_peer] = establish();
  EXPECT_NE(next, id);
  EXPECT_EQ(write(id, "stale"), 0U);
  std::array<std::byte, 8> bytes;
  next_peer.send("fresh");
  EXPECT_EQ(transport_->read(id, bytes), 0U);
  ASSERT_TRUE(events_->poll_until([&] { return events_->received == "fresh"; }));
  EXPECT_EQ(events_->count("closed"), 0U);
}

TEST_F(EpollTransportTest, StaleEventsOfABatchNeverReachTheNewConnectionInTheSameRow) {
  open({.connections_max = 2});
  const BlackHole hole("127.0.0.1");  // the new connection has no event of its own
  auto [one, one_peer] = establish();
  auto [two, two_peer] = establish();
  one_peer.send("1");
  two_peer.send("2");
  std::this_thread::sleep_for(20ms);  // both wait in the same batch
  ConnectionId fresh{0};
  events_->readable_hook = [&, first = one, second = two](ConnectionId id) {
    // Whichever comes first replaces the other one.
    transport_->close(id == first ? second : first);
    fresh = transport_->connect({"127.0.0.1", hole.port()});
    EXPECT_NE(fresh, ConnectionId{0});
  };
  ASSERT_TRUE(events_->poll_until("readable"));
  transport_->poll(mono_now() + 50ms, *events_);
  EXPECT_EQ(events_->log.back(), "readable") << events_->sentence;
  EXPECT_EQ(events_->count("readable"), 1U);
  EXPECT_EQ(events_->received.size(), 1U);
}

TEST_F(EpollTransportTest, AConnectionMayCloseItselfInEachOfItsCallbacks) {
  const auto close = [&](ConnectionId id) { transport_->close(id); };
  events_->connected_hook = close;
  transport_->connect({"127.0.0.1", listener_.port()});
  ASSERT_TRUE(events_->poll_until("connected"));
  events_->connected_hook = nullptr;
  events_->readable_hook = close;
  Socket dropped = listener_.accept();
  auto [id, peer] = establish();
  peer.send("bytes");
  ASSERT_TRUE(events_->poll_until("readable"));
  transport_->poll(mono_now() + 20ms, *events_);
  EXPECT_EQ(events_->log.back(), "readable");
  EXPECT_EQ(events_->received, "");
}

TEST_F(EpollTransportTest, OnClosedMayConnectAgainAtOnce) {
  const std::uint16_t port = closed_port();
  int left = 5;
  events_->closed_hook = [&](ConnectionId) {
    if (--left > 0) transport_->connect({"127.0.0.1", port});
  };
  transport_->connect({"127.0.0.1", port});
  ASSERT_TRUE(events_->poll_until([&] { return left == 0; }));
  EXPECT_EQ(events_->count("closed"), 5U);
}

TEST_F(EpollTransportTest, ARefusedConnectNamesTheBrokerAndThePhase) {
  const std::uint16_t port = closed_port();
  transport_->connect({"127.0.0.1", port});
  ASSERT_TRUE(events_->poll_until("closed"));
  EXPECT_EQ(events_->cause, CloseCause::ConnectFailed);
  EXPECT_EQ(events_->sentence,
            "broker 127.0.0.1:" + std::to_string(port) + ": connect failed: connection refused");
}

TEST_F(EpollTransportTest, AConnectThatNobodyAnswersEndsAtTheTimeout) {
  open({.connect_timeout = 150ms});
  const BlackHole hole("127.0.0.1");
  const MonoTime begin = mono_now();
  transport_->connect({"127.0.0.1", hole.port()});
  ASSERT_TRUE(events_->poll_until("closed"));
  EXPECT_GE(mono_now() - begin, 150ms);
  EXPECT_LT(mono_now() - begin, 2s);
  EXPECT_EQ(events_->cause, CloseCause::ConnectFailed);
  EXPECT_NE(events_->sentence.find("connect failed: no answer within 150 ms"), std::string::npos)
      << events_->sentence;
}

TEST_F(EpollTransportTest, TheTableOfConnectionsIsBoundedAndRowsComeBack) {
  open({.connections_max = 3});
  std::vector<ConnectionId> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(transport_->connect({"127.0.0.1", listener_.port()}));
  EXPECT_EQ(transport_->connect({"127.0.0.1", listener_.port()}), ConnectionId{0});
  transport_->close(ids[1]);
  EXPECT_NE(transport_->connect({"127.0.0.1", listener_.port()}), ConnectionId{0});
  ASSERT_TRUE(events_->poll_until([&] { return events_->count("connected") == 3; }));
}

TEST_F(EpollTransportTest, ASleepNeverEndsEarlyAndDoesNotSpin) {
  for (const auto linger : {200us, 500us, 1500us}) {
    const std::uint64_t waits = transport_->waits();
    const MonoTime deadline = mono_now() + linger;
    transport_->poll(deadline, *events_);
    EXPECT_GE(mono_now(), deadline);
    EXPECT_LE(transport_->waits() - waits, 2U) << linger.count();
  }
  EXPECT_TRUE(events_->log.empty());
}

TEST_F(EpollTransportTest, ADeadlineInThePastOnlyLooks) {
  const MonoTime begin = mono_now();
  transport_->poll(MonoTime::min(), *events_);
  transport_->poll(begin, *events_);
  EXPECT_EQ(transport_->waits(), 2U);
}

TEST_F(EpollTransportTest, WakeEndsAPollThatSleepsForEver) {
  std::thread waker([&] {
    std::this_thread::sleep_for(20ms);
    transport_->wake();
  });
  const MonoTime begin = mono_now();
  transport_->poll(kNever, *events_);
  EXPECT_GE(mono_now() - begin, 20ms);
  waker.join();
}

TEST_F(EpollTransportTest, WakesBeforeAPollEndExactlyThatOne) {
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 10; ++i) transport_->wake();
    transport_->poll(kNever, *events_);
    const MonoTime deadline = mono_now() + 5ms;
    transport_->poll(deadline, *events_);
    EXPECT_GE(mono_now(), deadline) << "a wake was delivered twice";
  }
}

TEST_F(EpollTransportTest, NoWakeIsLostBetweenTwoThreads) {
  constexpr int kRounds = 2000;
  std::atomic<int> asked{0}, seen{0};
  std::thread waker([&] {
    for (int i = 1; i <= kRounds; ++i) {
      asked.store(i);
      transport_->wake();
      while (seen.load() < i) std::this_thread::yield();
    }
  });
  while (seen.load() < kRounds) {
    transport_->poll(mono_now() + 5s, *events_);
    EXPECT_GT(asked.load(), seen.load()) << "nobody woke: the wake of this round was lost";
    seen.store(asked.load());
  }
  waker.join();
}

TEST_F(EpollTransportTest, TooFewDescriptorsFailTheAttemptWithASentence) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit none{.rlim_cur = 0, .rlim_max = limit.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &none);
  transport_->connect({"127.0.0.1", listener_.port()});
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ASSERT_TRUE(events_->poll_until("closed"));
  EXPECT_EQ(events_->cause, CloseCause::ConnectFailed);
  EXPECT_NE(events_->sentence.find(": no socket: too many open files"), std::string::npos)
      << events_->sentence;
}

TEST(EpollTransportOpen, RefusesATableOrATimeoutOfNothing) {
  EXPECT_EQ(EpollTransport::open({.connections_max = 0}).code(), ErrorCode::InvalidArgument);
  EXPECT_EQ(EpollTransport::open({.connections_max = 65'536}).code(), ErrorCode::InvalidArgument);
  EXPECT_EQ(EpollTransport::open({.connect_timeout = 0ms}).code(), ErrorCode::InvalidArgument);
}

}  // namespace
}  // namespace spillway
