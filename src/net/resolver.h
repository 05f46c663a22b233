// Names to addresses without blocking: c-ares, driven by the epoll set and the clock of its owner.
//
// The c-ares channel lives only while somebody waits for an answer, so a changed /etc/resolv.conf
// counts from the next question. c-ares allocates, and reads /etc/hosts and /etc/resolv.conf from
// disk inside start(): connecting is the control path, never the data path.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/clock.h"
#include "net/address.h"

struct ares_channeldata;
struct ares_addrinfo;

namespace spillway {

// Epoll tags with this bit belong to the resolver; the low bits are its descriptor.
inline constexpr std::uint64_t kResolverTag = std::uint64_t{1} << 63;

// One thread. Not movable: c-ares holds pointers into it.
class Resolver {
 public:
  class Answers {
   public:
    virtual ~Answers() = default;
    // Called inside start() or process(). `addresses` is empty if there is none; then `reason` says
    // why, in a static string.
    virtual void on_resolved(std::uint64_t token, std::span<const Address> addresses,
                             const char* reason) = 0;
  };

  // `servers`: "address[:port],…" instead of those of resolv.conf, or empty.
  Resolver(int epoll_fd, std::uint32_t questions_max, std::string servers, Answers& answers);
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  ~Resolver() { stop(); }

  // Asks for both families. Ends in exactly one on_resolved(token), maybe before start returns,
  // unless forget(token) comes first.
  void start(const char* host, std::uint16_t port, std::uint64_t token);
  void forget(std::uint64_t token) noexcept;

  // An event of the epoll set with kResolverTag.
  void process(std::uint64_t tag, std::uint32_t events);
  // Retries and gives up what is due. Then lets go of the channel if nobody waits any more: call it
  // once after each batch of events, never from inside on_resolved.
  void expire();

  // Forgets everybody and lets go of the channel. Nothing is answered after it.
  void stop() noexcept;

  [[nodiscard]] static std::size_t memory_bytes(std::uint32_t questions_max) noexcept {
    return questions_max * sizeof(Question);
  }
  [[nodiscard]] bool running() const noexcept { return channel_ != nullptr; }
  // When expire() should be called next; kNever if nothing runs.
  [[nodiscard]] MonoTime deadline(MonoTime now) const noexcept;

 private:
  // c-ares 1.18 cannot cancel one question: a forgotten one keeps its place until it is answered or
  // the channel goes.
  struct Question {
    Resolver* owner = nullptr;
    std::uint64_t token = 0;
    std::uint16_t port = 0;
    bool used = false;
    bool forgotten = false;
  };

  static void socket_changed(void* self, int fd, int readable, int writable);
  static void answered(void* question, int status, int timeouts, ares_addrinfo* answer);
  void answer(Question& question, int status, const ares_addrinfo* answer);
  [[nodiscard]] int open_channel();
  void close_channel() noexcept;
  [[nodiscard]] Question* free_question() noexcept;

  const int epoll_fd_;
  const std::uint32_t questions_max_;
  const std::string servers_;
  Answers& answers_;
  const std::unique_ptr<Question[]> questions_;
  std::uint32_t waiting_ = 0;  // used and not forgotten
  ares_channeldata* channel_ = nullptr;
};

}  // namespace spillway
