#include "testing/dev_broker/test_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>

#include "base/crc32c.h"

namespace spillway::dev {
namespace {

struct NoHeader {
  std::string_view name;
  std::span<const std::byte> value;
};

void append_record(std::vector<std::byte>& out, const std::string& value, std::int32_t index) {
  const std::span<const NoHeader> none;
  const std::size_t tail = wire::tail_size(nullptr, 0, value.data(), value.size(), none);
  const std::size_t prefix = wire::prefix_size(tail, index, index);
  const std::size_t begin = out.size();
  out.resize(begin + prefix + tail);
  std::byte* at = wire::write_prefix(out.data() + begin, tail, index, index);
  wire::write_tail(at, nullptr, 0, value.data(), value.size(), none);
}

}  // namespace

std::vector<std::byte> make_batch(const BatchSpec& spec) {
  std::vector<std::byte> records;
  for (std::size_t i = 0; i < spec.values.size(); ++i) {
    append_record(records, spec.values[i], static_cast<std::int32_t>(i));
  }
  wire::BatchHeader header;
  header.record_count = static_cast<std::int32_t>(spec.values.size());
  header.last_offset_delta = header.record_count - 1;
  header.base_timestamp_ms = spec.timestamp_ms;
  header.max_timestamp_ms = spec.timestamp_ms + header.last_offset_delta;
  header.producer_id = spec.producer_id;
  header.producer_epoch = spec.producer_epoch;
  header.base_sequence = spec.base_sequence;
  std::vector<std::byte> batch(wire::kBatchHeaderSize);
  wire::write_batch_header(batch.data(), header, records.size(),
                           crc32c(0, records.data(), records.size()));
  batch.insert(batch.end(), records.begin(), records.end());
  return batch;
}

void fix_crc(std::vector<std::byte>& batch) {
  const auto covered = std::span(batch).subspan(wire::kBatchCrcEnd);
  wire::store_big_endian(batch.data() + wire::kBatchCrcBegin,
                         crc32c(0, covered.data(), covered.size()));
}

std::vector<std::byte> make_produce_frame(const ProduceCall& call) {
  wire::ProduceRequest::Partition partition;
  partition.index = call.partition;
  partition.records = wire::Records::of(call.batch);
  wire::ProduceRequest::Topic topic;
  topic.name = call.topic;
  topic.partitions = {&partition, 1};
  wire::ProduceRequest request;
  request.acks = call.acks;
  request.timeout_ms = 1000;
  request.topics = {&topic, 1};
  return make_frame(request, call.version);
}

TestClient::TestClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    fd_.reset();
  }
}

bool TestClient::send(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (put <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  return true;
}

// 0 at the end of the connection, nothing when the patience ran out.
std::optional<std::size_t> TestClient::read_some(std::span<std::byte> into,
                                                 std::chrono::milliseconds patience) {
  pollfd wanted{fd_.get(), POLLIN, 0};
  if (::poll(&wanted, 1, static_cast<int>(patience.count())) <= 0) return std::nullopt;
  const ssize_t got = ::recv(fd_.get(), into.data(), into.size(), 0);
  return got < 0 ? 0 : static_cast<std::size_t>(got);
}

std::vector<std::byte> TestClient::receive(std::chrono::milliseconds patience) {
  std::vector<std::byte> frame(4);
  std::size_t have = 0;
  while (have < frame.size()) {
    const auto got = read_some(std::span(frame).subspan(have), patience);
    if (!got.has_value() || *got == 0) return {};
    const bool had_length = have >= 4;
    have += *got;
    if (had_length || have < 4) continue;
    frame.resize(4 + static_cast<std::size_t>(wire::load_big_endian<std::int32_t>(frame.data())));
  }
  return frame;
}

bool TestClient::is_closed_by_peer(std::chrono::milliseconds patience) {
  std::array<std::byte, 4096> ignored;
  while (true) {
    const auto got = read_some(ignored, patience);
    if (!got.has_value()) return false;
    if (*got == 0) return true;
  }
}

}  // namespace spillway::dev
