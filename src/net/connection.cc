#include "net/connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace spillway {
namespace {

// Appends to a terminated text in a fixed buffer; what does not fit is cut.
class Sentence {
 public:
  explicit Sentence(std::span<char> into) noexcept : into_(into) { into_[0] = '\0'; }

  template <typename... Values>
  void add(const char* format, Values... values) noexcept {
    const std::span<char> rest = into_.subspan(used_);
    const int wanted = std::snprintf(rest.data(), rest.size(), format, values...);
    if (wanted > 0) used_ += std::min(static_cast<std::size_t>(wanted), rest.size() - 1);
  }
  // The system's words begin with a capital; inside a sentence they do not ("DNS server" does).
  void add_lowered(const char* text) noexcept {
    const std::size_t begin = used_;
    add("%s", text);
    const bool word =
        used_ > begin + 1 && std::islower(static_cast<unsigned char>(into_[begin + 1]));
    if (word)
      into_[begin] = static_cast<char>(std::tolower(static_cast<unsigned char>(into_[begin])));
  }

 private:
  std::span<char> into_;
  std::size_t used_ = 0;
};

const char* verb_of(Phase phase) noexcept {
  switch (phase) {
    case Phase::Resolve:
      return "name not resolved";
    case Phase::Socket:
      return "no socket";
    case Phase::Connect:
      return "connect failed";
    case Phase::Read:
      return "read failed";
    case Phase::Write:
      return "write failed";
  }
  return "failed";
}

}  // namespace

int connect_result(int fd) noexcept {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  if (error != 0) return error;
  sockaddr_in6 local{};
  sockaddr_in6 remote{};
  socklen_t local_size = sizeof local;
  socklen_t remote_size = sizeof remote;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&remote), &remote_size) != 0) return errno;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &local_size) != 0) return errno;
  const bool itself = local_size == remote_size && std::memcmp(&local, &remote, local_size) == 0;
  return itself ? ECONNREFUSED : 0;
}

void failure_print(const Connection& connection, std::chrono::milliseconds connect_timeout,
                   std::span<char> into) noexcept {
  const Failure& failure = connection.failure;
  const char* const host = connection.host.data();
  const bool bare_v6 = std::strchr(host, ':') != nullptr;
  Sentence sentence(into);
  sentence.add(bare_v6 ? "broker [%s]:%u: " : "broker %s:%u: ", host, unsigned{connection.port});
  if (failure.cause == CloseCause::PeerClosed) return sentence.add("%s", "closed by the broker");
  sentence.add("%s: ", verb_of(failure.phase));
  if (failure.number == Failure::kTimedOut) {
    sentence.add("no answer within %lld ms", static_cast<long long>(connect_timeout.count()));
  } else {
    sentence.add_lowered(failure.reason != nullptr ? failure.reason
                                                   : ::strerrordesc_np(failure.number));
  }
  if (failure.phase != Phase::Connect || connection.address_count < 2) return;
  std::array<char, 64> last;
  connection.addresses[connection.address_next - 1].print(last);
  sentence.add(" (%s, tried %u of %u addresses)", last.data(), connection.address_next,
               connection.address_count);
}

}  // namespace spillway
