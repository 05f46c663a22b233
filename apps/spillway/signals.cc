#include "apps/spillway/signals.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

namespace spillway::cli {
namespace {

// Written by the handler, read by every thread. Relaxed is enough: no data is published with it.
std::atomic<int> signal_count{0};
static_assert(std::atomic<int>::is_always_lock_free, "a handler may touch only lock-free atomics");

int wake_fd = -1;  // set before the handlers are installed, closed after they are gone

std::atomic<int> signal_first{0};  // written before the count it belongs to

void on_signal(int number) {
  const int errno_before = errno;
  int none = 0;
  signal_first.compare_exchange_strong(none, number, std::memory_order_relaxed);
  signal_count.fetch_add(1, std::memory_order_relaxed);
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t put = ::write(wake_fd, &one, sizeof one);
  errno = errno_before;
}

// Without SA_RESTART: a blocking open or write must come back and look at the count.
void handle(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(number, &action, nullptr);
}

}  // namespace

Signals::Signals() {
  wake_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  handle(SIGPIPE, SIG_IGN);
  handle(SIGINT, on_signal);
  handle(SIGTERM, on_signal);
}

Signals::~Signals() {
  handle(SIGINT, SIG_DFL);
  handle(SIGTERM, SIG_DFL);
  if (wake_fd >= 0) ::close(wake_fd);
  wake_fd = -1;
}

int Signals::count() noexcept {
  return signal_count.load(std::memory_order_relaxed);
}

int Signals::first() noexcept {
  return signal_first.load(std::memory_order_relaxed);
}

int Signals::fd() noexcept {
  return wake_fd;
}

}  // namespace spillway::cli
