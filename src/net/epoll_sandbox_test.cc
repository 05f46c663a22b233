// What the transport does with the system around it: heap never, old kernels as well.
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <utility>

#include "net/epoll_transport.h"
#include "net/net_test_support.h"

// Sanitizers bring their own malloc: there, the count stays 0 and the planted allocation is
// skipped.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SPILL_COUNTS_MALLOC 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SPILL_COUNTS_MALLOC 0
#endif
#endif
#ifndef SPILL_COUNTS_MALLOC
#define SPILL_COUNTS_MALLOC 1
#endif

static std::atomic<std::uint64_t> allocations{0};

#if SPILL_COUNTS_MALLOC
extern "C" void* __libc_malloc(std::size_t);
extern "C" void* malloc(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(size);
}
#endif

namespace spillway {
namespace {

// Reads everything and remembers only numbers: the recorder of the other tests allocates.
class Counter : public TransportEvents {
 public:
  explicit Counter(Transport& transport) : transport_(transport) {}
  void on_connected(ConnectionId) override { ++connected; }
  void on_readable(ConnectionId id) override {
    std::array<std::byte, 512> bytes;
    for (std::size_t got; (got = transport_.read(id, bytes)) != 0;) received += got;
  }
  void on_writable(ConnectionId) override { ++writable; }
  void on_closed(ConnectionId, CloseCause, const char*) override { ++closed; }

  std::size_t connected = 0, received = 0, writable = 0, closed = 0;

 private:
  Transport& transport_;
};

TEST(EpollHeap, ReadWritePollAndAReportedDeathDoNotAllocate) {
#if SPILL_COUNTS_MALLOC
  const std::uint64_t planted = allocations;
  std::free(std::malloc(10'000));
  ASSERT_GT(allocations, planted) << "the counter sees an allocation";
#endif
  const Listener listener;
  auto transport = std::move(EpollTransport::open({})).value();
  Counter events(*transport);
  const ConnectionId id = transport->connect({"127.0.0.1", listener.port()});
  while (events.connected == 0) transport->poll(mono_now() + 1s, events);
  Socket peer = listener.accept();
  const std::string record(300, 'r');
  const iovec piece = piece_of(record);
  std::array<char, 300> echo;

  const std::uint64_t before = allocations;
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(transport->write(id, {&piece, 1}), record.size());
    ASSERT_EQ(::recv(peer.fd(), echo.data(), echo.size(), MSG_WAITALL), 300);
    ASSERT_EQ(::send(peer.fd(), echo.data(), echo.size(), 0), 300);
    transport->wake();
    while (events.received < echo.size() * static_cast<std::size_t>(i + 1)) {
      transport->poll(mono_now() + 1s, events);
    }
  }
  peer.reset();
  while (events.closed == 0) transport->poll(mono_now() + 1s, events);
  EXPECT_EQ(allocations, before);
}

// From here on the process has no epoll_pwait2, as before Linux 5.11 and in some sandboxes.
bool forbid_pwait2() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_pwait2, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{.len = std::size(filter), .filter = filter};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// 0 if all is well; else the number of the step that went wrong.
int sleep_without_pwait2() {
  if (!forbid_pwait2()) return 1;
  auto transport = std::move(EpollTransport::open({})).value();
  Counter events(*transport);
  for (const auto linger : {200us, 500us, 1500us}) {
    const std::uint64_t waits = transport->waits();
    const MonoTime deadline = mono_now() + linger;
    transport->poll(deadline, events);
    if (mono_now() < deadline) return 2;
    if (transport->waits() - waits > 2) return 3;
  }
  transport->wake();
  transport->poll(kNever, events);
  return 0;
}

TEST(EpollFallback, WithoutPwait2ASleepNeverEndsEarlyAndDoesNotSpin) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) ::_exit(sleep_without_pwait2());
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 1) GTEST_SKIP() << "seccomp filters are not allowed here";
  EXPECT_EQ(WEXITSTATUS(status), 0) << "2: too early, 3: a busy loop";
}

}  // namespace
}  // namespace spillway
