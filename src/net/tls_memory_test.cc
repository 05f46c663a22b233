// What OpenSSL takes from the heap for one connection, byte for byte, and for the data.
// Its allocator is replaced before it has allocated anything, so this is a binary of its own.
#include <openssl/crypto.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "net/tls_client_test_support.h"

namespace spillway {
namespace {

// Of the client alone: blocks that the broker's end took are marked and do not count.
struct Heap {
  std::size_t live = 0;
  std::size_t peak = 0;
  std::size_t calls = 0;
} heap;

struct alignas(16) Block {
  std::size_t size;
  bool counted;
};

void* take(std::size_t size, const char* /*file*/, int /*line*/) {
  auto* block = static_cast<Block*>(std::malloc(sizeof(Block) + size));
  *block = {size, !peer_at_work};
  if (block->counted) {
    heap.live += size;
    heap.peak = std::max(heap.peak, heap.live);
    ++heap.calls;
  }
  return block + 1;
}

void give_back(void* memory, const char* /*file*/, int /*line*/) {
  if (memory == nullptr) return;
  auto* block = static_cast<Block*>(memory) - 1;
  if (block->counted) heap.live -= block->size;
  std::free(block);
}

void* take_again(void* memory, std::size_t size, const char* file, int line) {
  if (memory == nullptr) return take(size, file, line);
  void* const next = take(size, file, line);
  std::memcpy(next, memory, std::min(size, (static_cast<Block*>(memory) - 1)->size));
  give_back(memory, file, line);
  return next;
}

const bool counting = CRYPTO_set_mem_functions(take, take_again, give_back) == 1;

class TlsMemory : public TlsTest {
 protected:
  static constexpr std::size_t kLinks = 8;

  // A certificate of about `names` * 24 bytes.
  static CertificateSpec large(int names) {
    CertificateSpec spec;
    for (int i = 0; i < names; ++i)
      spec.names += ",DNS:broker-" + std::to_string(100'000 + i) + ".kafka";
    return spec;
  }
  struct Use {
    std::size_t open;  // bytes of a link at rest, its ticket included
    std::size_t peak;  // bytes that a handshake needs on top of what is there
  };
  Use measure(const PeerSettings& settings) {
    transport_.reset();
    owned_ = std::make_unique<FakeInner>();
    inner_ = owned_.get();
    listen(settings);
    const std::string data = pattern(100'000);
    exchange(connect(), data);  // what is made once for all
    const std::size_t before = heap.live;
    std::size_t peak = 0;
    for (std::size_t i = 0; i < kLinks; ++i) {
      const std::size_t now = heap.peak = heap.live;
      exchange(connect("127.0.0." + std::to_string(i + 1)), data);
      peak = std::max(peak, heap.peak - now);
    }
    return {(heap.live - before) / kLinks, peak};
  }
  void exchange(ConnectionId id, const std::string& data) {
    ASSERT_EQ(connected_, 1) << sentence_;
    ASSERT_EQ(write(id, data), data.size());
    received_.clear();
    peer(id).send(data);
    ASSERT_TRUE(poll_until([&] { return received_.size() == data.size(); }));
  }
  static CertificateSpec addresses(CertificateSpec spec) {
    for (std::size_t i = 1; i <= kLinks; ++i) spec.names += ",IP:127.0.0." + std::to_string(i);
    return spec;
  }
};

TEST_F(TlsMemory, AConnectionHoldsNoMoreThanThePlanSays) {
  ASSERT_TRUE(counting);
  limits_.connections_max = 0;
  const std::size_t none = TlsTransport::memory_bytes(tls_, limits_);
  limits_.connections_max = 16;
  const std::size_t planned = (TlsTransport::memory_bytes(tls_, limits_) - none) / 16;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const int names : {0, 100, 400}) {
      const Identity identity = authority().issue(addresses(large(names)));
      const Use use = measure({.identity = identity, .version_max = version});
      std::printf("TLS %x, PEM of %zu bytes: open %zu, peak %zu, planned %zu\n", version,
                  identity.certificate.size(), use.open, use.peak, planned);
      EXPECT_GT(use.open, std::size_t{30} << 10) << "the allocator was counted";
      EXPECT_LE(use.open, planned);
      EXPECT_LE(use.open + use.peak, planned + none);
    }
  }
}

TEST_F(TlsMemory, FilesOfAuthoritiesHoldNoMoreThanThePlanSays) {
  std::string bundle;
  for (int i = 0; i < 200; ++i) bundle += Authority("Authority " + std::to_string(i)).certificate();
  folder_.write("ca.pem", bundle);
  const std::size_t before = heap.live;
  const auto context = TlsContext::open(tls_);
  ASSERT_TRUE(context);
  std::printf("%zu bytes of PEM: %zu\n", bundle.size(), heap.live - before);
  EXPECT_GT(heap.live - before, bundle.size());
  EXPECT_LE(heap.live - before, TlsContext::memory_bytes(tls_) / 2);
}

// OpenSSL 3.0 notes the nesting of what it writes in blocks of 40 bytes; nobody can keep it from
// it.
TEST_F(TlsMemory, DataTakesAFewSmallBlocksForARecordWrittenAndKeepsNone) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    transport_.reset();
    owned_ = std::make_unique<FakeInner>();
    inner_ = owned_.get();
    listen({.identity = authority().issue({}), .version_max = version});
    const ConnectionId id = connect();
    const std::string data = pattern(100'000);
    exchange(id, data);
    const std::size_t calls = heap.calls;
    const std::size_t live = heap.peak = heap.live;
    for (int i = 0; i < 50; ++i) exchange(id, data);
    constexpr std::size_t kWritten = 50 * 7;  // and as many are read
    EXPECT_LE(heap.calls - calls, 4 * kWritten) << "TLS " << version;
    EXPECT_LE(heap.peak - live, 128U);
    EXPECT_EQ(heap.live, live);
  }
}

}  // namespace
}  // namespace spillway
