#include "apps/spillway/ledger_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

#include "apps/spillway/histogram.h"

namespace spillway::cli {
namespace {

using Json = nlohmann::ordered_json;

double rounded(double value, double digits) {
  return std::round(value * digits) / digits;
}

Json reasons_of(const Ledger& ledger) {
  Json reasons = Json::object();
  for (int i = 1; i < kReasonCount; ++i) {  // 0 is Reason::None
    const std::string name(name_of(static_cast<Reason>(i)));
    reasons[name] = ledger.by_reason[static_cast<std::size_t>(i)];
  }
  return reasons;
}

Json refusals_of(const Refusals& refusals) {
  return {{"full", refusals.full},
          {"busy", refusals.busy},
          {"too_large", refusals.too_large},
          {"would_deadlock", refusals.would_deadlock},
          {"closed", refusals.closed},
          {"unknown_topic", refusals.unknown_topic},
          {"topic_pending", refusals.topic_pending}};
}

Json percentiles_of(const Histogram& histogram) {
  return {{"p50", histogram.percentile(0.5)},
          {"p99", histogram.percentile(0.99)},
          {"p99.9", histogram.percentile(0.999)},
          {"max", histogram.max()}};
}

std::string system_problem(const std::string& path) {
  return "cannot write " + path + ": " + std::strerror(errno);
}

// A link is followed, so that the rename replaces what it points to.
std::string target_of(const std::string& path) {
  char* resolved = ::realpath(path.c_str(), nullptr);
  if (resolved == nullptr) return path;
  std::string target(resolved);
  std::free(resolved);
  return target;
}

// Not to be renamed over: pipes, devices, and what /dev/stdout or /dev/fd/3 happens to stand for.
bool is_special(const std::string& path) {
  struct stat state {};
  if (::stat(path.c_str(), &state) != 0) return false;
  return !S_ISREG(state.st_mode) || path.starts_with("/dev/");
}

std::string temporary_of(const std::string& path) {
  return path + "." + std::to_string(::getpid()) + ".tmp";
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::write(fd, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

// Writes and syncs: a rename must never put an empty file in place of a whole one.
bool write_file(const std::string& path, int flags, const std::string& text) {
  const int fd = ::open(path.c_str(), flags | O_WRONLY | O_CLOEXEC | O_NONBLOCK, 0644);
  if (fd < 0) return false;
  const bool written = write_all(fd, text) && ((flags & O_CREAT) == 0 || ::fsync(fd) == 0);
  const int problem = errno;
  ::close(fd);
  errno = problem;
  return written;
}

}  // namespace

std::string ledger_json(const Snapshot& snapshot, const Refusals& refusals, const RunUse& use,
                        const Latencies& latencies) {
  const Ledger& ledger = snapshot.ledger;
  const auto accepted = static_cast<double>(ledger.accepted);
  const auto delivered = static_cast<double>(ledger.delivered);
  Json json{
      {"accepted", ledger.accepted},
      {"delivered", ledger.delivered},
      {"dropped", ledger.dropped},
      {"failed", ledger.failed},
      {"unknown", ledger.unknown},
      {"held", ledger.held},
      {"memory_max", snapshot.memory.budget},
      {"memory_peak", snapshot.memory.used_peak},
      {"rss_peak", use.rss_peak},
      {"seconds", rounded(use.seconds, 1e6)},
      {"records_per_second", use.seconds > 0 ? rounded(delivered / use.seconds, 10) : 0.0},
      {"cpu_ns_per_record", accepted > 0 ? rounded(use.cpu_seconds * 1e9 / accepted, 10) : 0.0},
      {"by_reason", reasons_of(ledger)},
      {"refusals", refusals_of(refusals)}};
  if (snapshot.authentications > 0) json["authentications"] = snapshot.authentications;
  if (latencies.send != nullptr) {
    json["send_latency_ns"] = percentiles_of(*latencies.send);
    json["clock_read_ns"] = rounded(latencies.clock_read_ns, 10);
  }
  if (latencies.ack != nullptr) json["ack_latency_ns"] = percentiles_of(*latencies.ack);
  return json.dump(2) + "\n";
}

std::optional<std::string> write_whole(const std::string& path, const std::string& text) {
  if (is_special(path)) {
    if (write_file(path, O_APPEND, text)) return std::nullopt;
    return system_problem(path);
  }
  const std::string target = target_of(path);
  const std::string temporary = temporary_of(target);
  if (write_file(temporary, O_CREAT | O_TRUNC, text) &&
      ::rename(temporary.c_str(), target.c_str()) == 0) {
    return std::nullopt;
  }
  const std::string problem = system_problem(path);
  ::unlink(temporary.c_str());
  return problem;
}

std::optional<std::string> check_writable(const std::string& path) {
  struct stat state {};
  if (::stat(path.c_str(), &state) == 0 && S_ISDIR(state.st_mode)) {
    errno = EISDIR;
    return system_problem(path);
  }
  if (is_special(path)) return std::nullopt;
  const std::string temporary = temporary_of(target_of(path));
  if (!write_file(temporary, O_CREAT | O_TRUNC, "")) return system_problem(path);
  ::unlink(temporary.c_str());
  return std::nullopt;
}

}  // namespace spillway::cli
