// Sends ten records and tells the fate of each.
#include <spillway/producer.h>

#include <cstdio>
#include <string>

using namespace std::chrono_literals;

int main(int argc, char** argv) {
  auto producer = spillway::Producer::open({.bootstrap = argc > 1 ? argv[1] : "localhost:9092",
                                            .memory_max = 16u << 20});  // not a byte more
  if (!producer) return std::fprintf(stderr, "%s\n", producer.error().message().c_str()), 1;
  auto topic = producer->topic("events", 5s);
  if (!topic) return std::fprintf(stderr, "%s\n", topic.error().message().c_str()), 1;

  const auto told = [](void*, const spillway::Delivery& d) noexcept {
    std::printf("%s: partition %d, offset %lld\n", std::string(name_of(d.fate)).c_str(),
                d.partition, static_cast<long long>(d.offset));
  };
  for (int i = 0; i < 10; ++i) {
    auto sent = producer->send(*topic, {.key = "user-7", .value = "clicked"}, {told, nullptr});
    if (sent.code() == spillway::ErrorCode::Full) break;  // Kafka is away: degrade here
  }
  auto left = producer->close(10s);
  return left && left->clean() ? 0 : 1;
}
