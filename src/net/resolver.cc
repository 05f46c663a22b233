#include "net/resolver.h"

#include <ares.h>
#include <sys/epoll.h>

#include <array>
#include <utility>

#include "base/check.h"

namespace spillway {
namespace {

// 2 + 4 + 8 s if no server answers; the connect timeout of the owner usually ends it sooner.
constexpr int kTryMilliseconds = 2000;
constexpr int kTries = 3;

// ares_library_init is not thread-safe, a function's static is.
int library_status() {
  static const int status = ares_library_init(ARES_LIB_INIT_ALL);
  return status;
}

}  // namespace

Resolver::Resolver(int epoll_fd, std::uint32_t questions_max, std::string servers, Answers& answers)
    : epoll_fd_(epoll_fd),
      questions_max_(questions_max),
      servers_(std::move(servers)),
      answers_(answers),
      questions_(std::make_unique<Question[]>(questions_max)) {}

void Resolver::stop() noexcept {
  for (std::uint32_t i = 0; i < questions_max_; ++i) questions_[i].forgotten = true;
  waiting_ = 0;
  close_channel();
}

void Resolver::start(const char* host, std::uint16_t port, std::uint64_t token) {
  Question* const question = free_question();
  if (question == nullptr) {
    return answers_.on_resolved(token, {}, "too many names are being resolved");
  }
  if (channel_ == nullptr) {
    if (const int status = open_channel(); status != ARES_SUCCESS) {
      return answers_.on_resolved(token, {}, ares_strerror(status));
    }
  }
  *question = {.owner = this, .token = token, .port = port, .used = true, .forgotten = false};
  ++waiting_;
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  ares_getaddrinfo(channel_, host, nullptr, &hints, &Resolver::answered, question);
}

void Resolver::forget(std::uint64_t token) noexcept {
  for (std::uint32_t i = 0; i < questions_max_; ++i) {
    Question& question = questions_[i];
    if (!question.used || question.forgotten || question.token != token) continue;
    question.forgotten = true;
    --waiting_;
    return;
  }
}

void Resolver::process(std::uint64_t tag, std::uint32_t events) {
  if (channel_ == nullptr) return;  // the event is older than the end of the channel
  const int fd = static_cast<int>(tag & ~kResolverTag);
  const bool readable = (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0;
  const bool writable = (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0;
  ares_process_fd(channel_, readable ? fd : ARES_SOCKET_BAD, writable ? fd : ARES_SOCKET_BAD);
}

void Resolver::expire() {
  if (channel_ == nullptr) return;
  if (waiting_ != 0) ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  if (waiting_ == 0) close_channel();
}

MonoTime Resolver::deadline(MonoTime now) const noexcept {
  if (channel_ == nullptr) return kNever;
  timeval left{};
  if (ares_timeout(channel_, nullptr, &left) == nullptr) return kNever;
  // c-ares cuts its timeout down to whole milliseconds: without the extra one, the owner would spin
  // through the last.
  return now + std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec) +
         std::chrono::milliseconds(1);
}

void Resolver::socket_changed(void* self, int fd, int readable, int writable) {
  const int epoll_fd = static_cast<Resolver*>(self)->epoll_fd_;
  if (readable == 0 && writable == 0) {
    ::epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, nullptr);
    return;
  }
  epoll_event event{};
  event.events = (readable != 0 ? std::uint32_t{EPOLLIN} : 0U) |
                 (writable != 0 ? std::uint32_t{EPOLLOUT} : 0U);
  event.data.u64 = kResolverTag | static_cast<std::uint64_t>(fd);
  // If the kernel refuses (memory, its limit of watches), the question ends by its timeout.
  if (::epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &event) != 0) {
    ::epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
  }
}

void Resolver::answered(void* question, int status, int /*timeouts*/, ares_addrinfo* answer) {
  auto& asked = *static_cast<Question*>(question);
  asked.owner->answer(asked, status, answer);
  if (answer != nullptr) ares_freeaddrinfo(answer);
}

void Resolver::answer(Question& question, int status, const ares_addrinfo* answer) {
  SPILL_CHECK(question.used, "a question is answered once");
  const Question asked = std::exchange(question, Question{});
  if (asked.forgotten) return;
  --waiting_;
  std::array<Address, kAddressesMax> addresses;
  std::size_t count = 0;
  const ares_addrinfo_node* node = answer != nullptr ? answer->nodes : nullptr;
  for (; node != nullptr && count < kAddressesMax; node = node->ai_next) {
    if (const auto address = Address::from(*node->ai_addr, asked.port)) {
      addresses[count++] = *address;
    }
  }
  const char* const reason =
      status == ARES_SUCCESS ? "the name has no address" : ares_strerror(status);
  answers_.on_resolved(asked.token, std::span(addresses).first(count), reason);
}

int Resolver::open_channel() {
  if (const int status = library_status(); status != ARES_SUCCESS) return status;
  ares_options options{};
  options.timeout = kTryMilliseconds;
  options.tries = kTries;
  options.sock_state_cb = &Resolver::socket_changed;
  options.sock_state_cb_data = this;
  const int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
  if (const int status = ares_init_options(&channel_, &options, mask); status != ARES_SUCCESS) {
    channel_ = nullptr;
    return status;
  }
  if (servers_.empty()) return ARES_SUCCESS;
  const int status = ares_set_servers_ports_csv(channel_, servers_.c_str());
  if (status != ARES_SUCCESS) close_channel();
  return status;
}

// Every question left is forgotten, and c-ares answers it here, once more, into the void.
void Resolver::close_channel() noexcept {
  if (channel_ != nullptr) ares_destroy(channel_);
  channel_ = nullptr;
}

Resolver::Question* Resolver::free_question() noexcept {
  for (std::uint32_t i = 0; i < questions_max_; ++i) {
    if (!questions_[i].used) return &questions_[i];
  }
  return nullptr;
}

}  // namespace spillway
