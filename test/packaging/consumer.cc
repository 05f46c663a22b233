// A program of somebody else: it sees include/spillway alone and must compile, link and run.
#include <chrono>
#include <cstdio>

#include "spillway/producer.h"

int main() {
  // Nobody listens there: opening does not wait for a broker, and closing does not either.
  auto producer = spillway::Producer::open({.bootstrap = "127.0.0.1:1"});
  if (!producer) {
    std::fprintf(stderr, "%s\n", producer.error().message().c_str());
    return 1;
  }
  std::printf("%s\n", producer->plan().c_str());
  const auto report = producer->close(std::chrono::milliseconds(100));
  return report.ok() ? 0 : 1;
}
