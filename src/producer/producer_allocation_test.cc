// Once warm, a record costs no allocation: not in the caller, not in the I/O thread. The broker is
// another process, so that nothing here but the producer could allocate.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "net/tls_test_support.h"
#include "spillway/producer.h"
#include "testing/alloc_gate.h"
#include "testing/dev_broker/dev_broker.h"

namespace spillway {
namespace {

using namespace std::chrono_literals;

constexpr int kRecords = 1'000'000;

// An embedded broker that only acknowledges, in a child process.
class BrokerProcess {
 public:
  explicit BrokerProcess(const dev::DevTls& tls = {}) {
    int ends[2];
    if (::pipe(ends) != 0) return;
    child_ = ::fork();
    if (child_ == 0) {
      dev::DevBroker broker({.topics = {{"t", 4}}, .tls = tls, .null = true});
      const std::string address = broker.bootstrap();
      if (::write(ends[1], address.data(), address.size()) < 0) ::_exit(1);
      ::close(ends[1]);
      for (;;) ::pause();
    }
    ::close(ends[1]);
    char text[256];
    const ssize_t size = ::read(ends[0], text, sizeof(text));
    if (size > 0) bootstrap_.assign(text, static_cast<std::size_t>(size));
    ::close(ends[0]);
  }
  ~BrokerProcess() {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  BrokerProcess(const BrokerProcess&) = delete;
  BrokerProcess& operator=(const BrokerProcess&) = delete;
  [[nodiscard]] const std::string& bootstrap() const { return bootstrap_; }

 private:
  pid_t child_ = -1;
  std::string bootstrap_;
};

void count_up(void* context, const Delivery& delivery) noexcept {
  auto* count = static_cast<int*>(context);
  *count += delivery.fate == Fate::Delivered ? 1 : 0;
}

TEST(Allocation, TheGateSeesEveryKind) {
  const AllocGate gate;
  void* volatile plain = std::malloc(10);
  void* volatile aligned = std::aligned_alloc(64, 64);
  auto* volatile made = new std::string(100, 'x');
  EXPECT_GE(gate.count(), 4u);
  std::free(plain);
  std::free(aligned);
  delete made;
}

// What so many records cost once the producer is warm.
struct Cost {
  std::uint64_t allocations = 0;
  std::uint64_t batch_bytes = 0;
};

void measure(const Options& options, Cost& cost) {
  auto producer = Producer::open(options);
  ASSERT_TRUE(producer) << producer.error().message();
  auto topic = producer->topic("t");
  ASSERT_TRUE(topic) << topic.error().message();
  const Header headers[] = {{"name", "value"}};
  const std::string small(100, 'v');
  const std::string large(2'000, 'v');
  int delivered = 0;  // the I/O thread's
  const auto send = [&](int records) {
    int refused = 0;
    for (int i = 0; i < records; ++i) {
      const Record record{.key = "key", .value = i % 16 == 0 ? large : small, .headers = headers};
      refused += producer->send(*topic, record, {count_up, &delivered}) ? 0 : 1;
    }
    return refused;
  };
  ASSERT_EQ(send(20'000), 0);
  ASSERT_TRUE(producer->flush(20s));
  cost.batch_bytes = producer->snapshot().batch_bytes_sent;
  const AllocGate gate;
  const int refused = send(kRecords);
  const auto flushed = producer->flush(20s);
  cost.allocations = gate.count();
  cost.batch_bytes = producer->snapshot().batch_bytes_sent - cost.batch_bytes;
  EXPECT_EQ(refused, 0);
  EXPECT_TRUE(flushed);
  EXPECT_EQ(delivered, kRecords + 20'000);
}

TEST(Allocation, NoneInAMillionRecords) {
  const BrokerProcess broker;
  ASSERT_FALSE(broker.bootstrap().empty());
  Options options;
  options.bootstrap = broker.bootstrap();
  Cost cost;
  measure(options, cost);
  EXPECT_EQ(cost.allocations, 0u);
}

// Ours stay none. OpenSSL 3.0 notes the nesting of what it writes in small blocks that it frees at
// once, four a TLS record (net/tls_memory_test.cc); a record has up to 16 KiB, the last of a
// request fewer.
TEST(Allocation, OverTlsOnlyOpenSslAllocatesAndOnlyForTlsRecords) {
  const Folder folder;
  const Authority authority("Authority");
  const Identity identity = authority.issue({});
  folder.write("ca.pem", authority.certificate());
  folder.write("broker.pem", identity.certificate);
  folder.write("broker.key", identity.key);
  const BrokerProcess broker(
      {.certificate = folder.path("broker.pem"), .key = folder.path("broker.key")});
  ASSERT_FALSE(broker.bootstrap().empty());
  Options options;
  options.bootstrap = broker.bootstrap();
  options.tls = Tls{.ca = folder.path("ca.pem")};
  Cost cost;
  measure(options, cost);
  const std::uint64_t records_full = cost.batch_bytes / (16 << 10);
  std::printf("%llu allocations for at least %llu TLS records\n",
              static_cast<unsigned long long>(cost.allocations),
              static_cast<unsigned long long>(records_full));
  EXPECT_LE(cost.allocations, 4 * 2 * records_full);
}

}  // namespace
}  // namespace spillway
