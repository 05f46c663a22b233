#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "net/epoll_transport.h"
#include "net/net_test_support.h"

namespace spillway {
namespace {

// A DNS server on loopback: every A question is answered with `addresses`, every AAAA question with
// nothing; silent if told so. Reads only what c-ares asks: one question a packet, no compression.
class FakeDns {
 public:
  enum class Mode { Answer, NoSuchName, Silent };

  explicit FakeDns(Mode mode, std::vector<std::string> addresses = {})
      : mode_(mode),
        addresses_(std::move(addresses)),
        socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(socket_.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    socklen_t size = sizeof address;
    ::getsockname(socket_.fd(), reinterpret_cast<sockaddr*>(&address), &size);
    name_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this] { serve(); });
  }
  ~FakeDns() {
    stop_ = true;
    thread_.join();
  }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] int questions() const { return questions_; }

 private:
  void serve() {
    while (!stop_) {
      pollfd ready{.fd = socket_.fd(), .events = POLLIN, .revents = 0};
      if (::poll(&ready, 1, 10) != 1) continue;
      std::string packet(512, '\0');
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const ssize_t got = ::recvfrom(socket_.fd(), packet.data(), packet.size(), 0,
                                     reinterpret_cast<sockaddr*>(&from), &size);
      if (got < 17) continue;
      ++questions_;
      if (mode_ == Mode::Silent) continue;
      packet.resize(static_cast<std::size_t>(got));
      const std::string reply = reply_to(packet);
      ::sendto(socket_.fd(), reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from),
               size);
    }
  }
  [[nodiscard]] std::string reply_to(const std::string& packet) const {
    const std::size_t end = packet.find('\0', 12) + 5;  // root label, type, class
    const bool asks_a = packet[end - 3] == 1;
    std::string reply = packet.substr(0, end);
    reply[2] = '\x81';                                       // a response
    reply[3] = mode_ == Mode::NoSuchName ? '\x83' : '\x80';  // NXDOMAIN or no error
    const std::size_t answers = asks_a && mode_ == Mode::Answer ? addresses_.size() : 0;
    const char counts[8] = {0, 1, 0, static_cast<char>(answers), 0, 0, 0, 0};
    reply.replace(4, 8, counts, 8);
    for (std::size_t i = 0; i < answers; ++i) {
      const char head[12] = {'\xc0', 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4};
      in_addr address{};
      ::inet_pton(AF_INET, addresses_[i].c_str(), &address);
      reply.append(head, sizeof head);
      reply.append(reinterpret_cast<const char*>(&address), sizeof address);
    }
    return reply;
  }

  const Mode mode_;
  const std::vector<std::string> addresses_;
  Socket socket_;
  std::string name_;
  std::atomic<bool> stop_{false};
  std::atomic<int> questions_{0};
  std::thread thread_;
};

class EpollAttemptTest : public ::testing::Test {
 protected:
  void open(EpollTransport::Options options) {
    auto opened = EpollTransport::open(std::move(options));
    ASSERT_TRUE(opened.ok());
    transport_ = std::move(opened).value();
    events_ = std::make_unique<Recorder>(*transport_);
  }
  // The name "brokers" has these addresses; every other name goes to the resolver.
  void open_with(std::vector<std::string> addresses, std::chrono::milliseconds timeout = 10s) {
    open({.connect_timeout = timeout, .addresses_of = [addresses](const std::string& host) {
            return host == "brokers" ? addresses : std::vector<std::string>{};
          }});
  }

  Listener listener_;
  std::unique_ptr<EpollTransport> transport_;
  std::unique_ptr<Recorder> events_;
};

TEST_F(EpollAttemptTest, TriesEveryAddressOfBothFamiliesInOrder) {
  open_with({"127.0.0.2", "::1", "127.0.0.3", "127.0.0.1"});
  transport_->connect({"brokers", listener_.port()});
  ASSERT_TRUE(events_->poll_until("connected"));
  EXPECT_EQ(events_->log.size(), 1U) << "the refusals on the way are no events";
}

TEST_F(EpollAttemptTest, ConnectsOverIpv6) {
  const Socket six(::socket(AF_INET6, SOCK_STREAM, 0));
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  if (::bind(six.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    GTEST_SKIP() << "no IPv6 on this machine's loopback";
  }
  ASSERT_EQ(::listen(six.fd(), 8), 0);
  socklen_t size = sizeof address;
  ::getsockname(six.fd(), reinterpret_cast<sockaddr*>(&address), &size);
  open({});
  transport_->connect({"::1", ntohs(address.sin6_port)});
  ASSERT_TRUE(events_->poll_until("connected"));
}

TEST_F(EpollAttemptTest, AfterTheLastAddressItNamesTheLastFailure) {
  const std::uint16_t port = closed_port();
  open_with({"::1", "127.0.0.1"});
  transport_->connect({"brokers", port});
  ASSERT_TRUE(events_->poll_until("closed"));
  EXPECT_EQ(events_->cause, CloseCause::ConnectFailed);
  const std::string text = std::to_string(port);
  EXPECT_EQ(events_->sentence, "broker brokers:" + text +
                                   ": connect failed: connection refused (127.0.0.1:" + text +
                                   ", tried 2 of 2 addresses)");
}

TEST_F(EpollAttemptTest, ASilentAddressDoesNotHideTheOneBehindIt) {
  open_with({"127.0.0.2", "127.0.0.1"}, 400ms);
  const BlackHole hole("127.0.0.2", listener_.port());
  const MonoTime begin = mono_now();
  transport_->connect({"brokers", listener_.port()});
  ASSERT_TRUE(events_->poll_until("connected"));
  EXPECT_GE(mono_now() - begin, 200ms) << "the first address gets its share";
}

TEST_F(EpollAttemptTest, AnAddressTextThatIsNoneIsSkipped) {
  open_with({"not numeric", "127.0.0.1"});
  transport_->connect({"brokers", listener_.port()});
  EXPECT_TRUE(events_->poll_until("connected"));
}

TEST_F(EpollAttemptTest, LocalhostWorks) {
  open({});
  transport_->connect({"localhost", listener_.port()});
  ASSERT_TRUE(events_->poll_until("connected"));
  EXPECT_EQ(events_->log.size(), 1U);
}

TEST_F(EpollAttemptTest, ANameIsAskedOverTheNetworkAndItsAddressesAreTried) {
  const FakeDns dns(FakeDns::Mode::Answer, {"127.0.0.2", "127.0.0.1"});
  open({.dns_servers = dns.name()});
  for (int round = 0; round < 3; ++round) {
    transport_->connect({"kafka.example.", listener_.port()});
    ASSERT_TRUE(events_->poll_until("connected"));
    events_->log.clear();
  }
  EXPECT_GE(dns.questions(), 3);
}

TEST_F(EpollAttemptTest, ManyNamesAreResolvedSideBySide) {
  const FakeDns dns(FakeDns::Mode::Answer, {"127.0.0.1"});
  open({.connections_max = 40, .dns_servers = dns.name()});
  for (int i = 0; i < 40; ++i) {
    transport_->connect({"kafka" + std::to_string(i) + ".example.", listener_.port()});
  }
  EXPECT_TRUE(events_->poll_until([&] { return events_->count("connected") == 40; }));
}

TEST_F(EpollAttemptTest, ANameThatDoesNotExistFailsWithASentence) {
  const FakeDns dns(FakeDns::Mode::NoSuchName);
  open({.dns_servers = dns.name()});
  transport_->connect({"nosuch.example.", 9092});
  ASSERT_TRUE(events_->poll_until("closed"));
  EXPECT_EQ(events_->cause, CloseCause::ResolveFailed);
  EXPECT_EQ(events_->sentence,
            "broker nosuch.example.:9092: name not resolved: domain name not found");
}

TEST_F(EpollAttemptTest, ASilentResolverEndsAtTheTimeoutWithoutABusyLoop) {
  const FakeDns dns(FakeDns::Mode::Silent);
  open({.connect_timeout = 300ms, .dns_servers = dns.name()});
  const MonoTime begin = mono_now();
  transport_->connect({"kafka.example.", 9092});
  ASSERT_TRUE(events_->poll_until("closed"));
  EXPECT_GE(mono_now() - begin, 300ms);
  EXPECT_EQ(events_->cause, CloseCause::ResolveFailed);
  EXPECT_EQ(events_->sentence,
            "broker kafka.example.:9092: name not resolved: no answer within 300 ms");
  EXPECT_LE(transport_->waits(), 5U);
}

TEST_F(EpollAttemptTest, TheResolverRetriesOnItsOwnTimers) {
  const FakeDns dns(FakeDns::Mode::Silent);
  open({.connect_timeout = 2500ms, .dns_servers = dns.name()});
  transport_->connect({"kafka.example.", 9092});
  ASSERT_TRUE(events_->poll_until("closed"));
  EXPECT_GE(dns.questions(), 4) << "both families, twice: 2 s is the first retry";
  EXPECT_LE(transport_->waits(), 10U);
}

TEST_F(EpollAttemptTest, CloseWhileResolvingForgetsTheQuestion) {
  const FakeDns dns(FakeDns::Mode::Silent);
  open({.connections_max = 2, .dns_servers = dns.name()});
  for (int i = 0; i < 50; ++i) {
    const ConnectionId id = transport_->connect({"kafka.example.", 9092});
    ASSERT_NE(id, ConnectionId{0});
    transport_->close(id);
    transport_->poll(MonoTime::min(), *events_);
  }
  transport_->connect({"kafka.example.", 9092});
  transport_->poll(mono_now() + 20ms, *events_);
  EXPECT_TRUE(events_->log.empty()) << events_->sentence;
}

TEST_F(EpollAttemptTest, QuestionsAreBoundedEvenBetweenTwoPolls) {
  const FakeDns dns(FakeDns::Mode::Silent);
  open({.connections_max = 2, .dns_servers = dns.name()});
  for (int i = 0; i < 4; ++i) transport_->close(transport_->connect({"kafka.example.", 9092}));
  transport_->connect({"kafka.example.", 9092});
  ASSERT_TRUE(events_->poll_until("closed"));
  EXPECT_NE(events_->sentence.find("too many names"), std::string::npos) << events_->sentence;
}

TEST_F(EpollAttemptTest, AHostThatCannotBeANameIsRefusedWithoutAQuestion) {
  const FakeDns dns(FakeDns::Mode::Answer, {"127.0.0.1"});
  open({.dns_servers = dns.name()});
  const std::string nul("local\0host", 10);
  for (const std::string& host : {std::string(), nul, std::string(256, 'a')}) {
    events_->log.clear();
    EXPECT_NE(transport_->connect({host, listener_.port()}), ConnectionId{0});
    ASSERT_TRUE(events_->poll_until("closed"));
    EXPECT_EQ(events_->cause, CloseCause::ResolveFailed);
  }
  EXPECT_EQ(dns.questions(), 0);
}

TEST_F(EpollAttemptTest, ABareIpv6HostIsBracketedInTheSentence) {
  open({});
  transport_->connect({"::1", closed_port()});
  ASSERT_TRUE(events_->poll_until("closed"));
  EXPECT_EQ(events_->sentence.find("broker [::1]:"), 0U) << events_->sentence;
}

TEST(ConnectResult, ASocketThatMeetsItselfIsNobodyListening) {
  const Socket itself(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(itself.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  socklen_t size = sizeof address;
  ::getsockname(itself.fd(), reinterpret_cast<sockaddr*>(&address), &size);
  ASSERT_EQ(::connect(itself.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0)
      << "the kernel lets a socket connect to itself";
  EXPECT_EQ(connect_result(itself.fd()), ECONNREFUSED);
}

TEST_F(EpollAttemptTest, ATransportMayGoWhileNamesAreBeingResolved) {
  const FakeDns dns(FakeDns::Mode::Silent);
  open({.dns_servers = dns.name()});
  transport_->connect({"kafka.example.", 9092});
  transport_->poll(mono_now() + 5ms, *events_);
  transport_.reset();
  EXPECT_TRUE(events_->log.empty());
}

}  // namespace
}  // namespace spillway
