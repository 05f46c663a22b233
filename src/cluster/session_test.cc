#include "cluster/session.h"

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "wire/messages/metadata.h"
#include "wire/messages/produce.h"
#include "wire/messages/sasl_authenticate.h"

namespace spillway {
namespace {

constexpr ConnectionId kConnection{1};
constexpr std::size_t kLargeBytes = 512 * kKiB;

// Takes and gives as many bytes as the script says.
class ScriptedTransport final : public Transport {
 public:
  std::size_t write(ConnectionId, std::span<const iovec> pieces) override {
    std::size_t taken = 0;
    for (const iovec& piece : pieces) {
      const std::size_t size = std::min(piece.iov_len, write_limit - taken);
      const auto* data = static_cast<const std::byte*>(piece.iov_base);
      written.insert(written.end(), data, data + size);
      taken += size;
      if (size < piece.iov_len) break;
    }
    write_limit -= taken;
    return taken;
  }
  std::size_t read(ConnectionId, std::span<std::byte> into) override {
    const std::size_t size = std::min({into.size(), incoming.size(), read_limit});
    for (std::size_t i = 0; i < size; ++i) {
      into[i] = incoming.front();
      incoming.pop_front();
    }
    read_limit -= size;
    return size;
  }
  ConnectionId connect(const Endpoint&) override { return kConnection; }
  void close(ConnectionId) override {}
  void poll(MonoTime, TransportEvents&) override {}
  void wake() noexcept override {}
  MonoTime now() noexcept override { return MonoTime{}; }

  std::vector<std::byte> written;
  std::deque<std::byte> incoming;
  std::size_t write_limit = SIZE_MAX;
  std::size_t read_limit = SIZE_MAX;
};

class SessionTest : public ::testing::Test {
 protected:
  SessionTest() : memory_(std::make_unique<Session::Memory>()), large_bytes_(kLargeBytes) {
    large_.bytes = large_bytes_;
    session_.use(*memory_);
    session_.connecting(kConnection);
    session_.connected();
    session_.ready();
  }

  void arrive(std::span<const std::byte> bytes) {
    transport_.incoming.insert(transport_.incoming.end(), bytes.begin(), bytes.end());
  }
  void arrive(std::string_view text) { arrive(std::as_bytes(std::span(text))); }
  static std::vector<std::byte> frame_of(std::size_t size, char fill) {
    std::vector<std::byte> frame(4 + size, static_cast<std::byte>(fill));
    wire::store_big_endian<std::uint32_t>(frame.data(), static_cast<std::uint32_t>(size));
    return frame;
  }
  Session::Read read() { return session_.read_frame(transport_, large_, frame_, why_); }

  void expect_frame(std::size_t size, char fill) {
    ASSERT_EQ(read(), Session::Read::Frame);
    ASSERT_EQ(frame_.size(), size);
    for (const std::byte each : frame_) ASSERT_EQ(each, static_cast<std::byte>(fill));
  }

  ScriptedTransport transport_;
  std::unique_ptr<Session::Memory> memory_;
  std::vector<std::byte> large_bytes_;
  LargeBuffer large_;
  Session session_;
  std::span<const std::byte> frame_;
  const char* why_ = nullptr;
};

TEST_F(SessionTest, ReadsFramesCutAtEveryByte) {
  const auto first = frame_of(10, 'a');
  const auto second = frame_of(4, 'b');
  for (std::size_t cut = 0; cut <= first.size() + second.size(); ++cut) {
    arrive(first);
    arrive(second);
    transport_.read_limit = cut;
    std::string got;
    for (int turn = 0; turn < 2; ++turn) {
      while (read() == Session::Read::Frame) got += static_cast<char>(frame_[0]);
      transport_.read_limit = SIZE_MAX;
    }
    ASSERT_EQ(got, "ab") << cut;
  }
}

TEST_F(SessionTest, LargeFramesGoThroughTheSharedBufferAndGiveItBack) {
  for (const std::size_t size : {Session::kReceiveBytes - 4, Session::kReceiveBytes - 3,
                                 std::size_t{100'000}, kLargeBytes - 4}) {
    arrive(frame_of(size, 'x'));
    arrive(frame_of(8, 'y'));
    expect_frame(size, 'x');
    expect_frame(8, 'y');
    EXPECT_EQ(read(), Session::Read::Nothing);
    EXPECT_EQ(large_.owner, nullptr) << size;
  }
}

TEST_F(SessionTest, ALargeFrameMayComeByteByByte) {
  arrive(frame_of(20'000, 'x'));
  arrive(frame_of(20'001, 'y'));
  std::vector<std::size_t> sizes;
  while (!transport_.incoming.empty()) {
    transport_.read_limit = 7;
    while (read() == Session::Read::Frame) sizes.push_back(frame_.size());
  }
  EXPECT_EQ(sizes, (std::vector<std::size_t>{20'000, 20'001}));
}

TEST_F(SessionTest, TheSecondSessionThatNeedsTheLargeBufferIsTold) {
  Session other;
  const auto other_memory = std::make_unique<Session::Memory>();
  other.use(*other_memory);
  other.connecting(ConnectionId{2});
  const auto frame = frame_of(100'000, 'x');
  arrive(std::span(frame).first(50'000));
  EXPECT_EQ(read(), Session::Read::Nothing);
  arrive(frame);
  EXPECT_EQ(other.read_frame(transport_, large_, frame_, why_), Session::Read::Broken);
  EXPECT_NE(why_, nullptr);
}

TEST_F(SessionTest, NonsenseIsNamed) {
  const std::string ends = std::string("\x15\x03\x03\x00\x02\x02\x28", 7);
  const struct {
    std::string bytes;
    const char* word;
  } cases[] = {
      {"HTTP/1.1 400 Bad Request\r\n", "HTTP"},
      {ends, "TLS"},
      {std::string("\xff\xff\xff\xff", 4), "impossible"},
      {std::string("\x80\x00\x00\x00", 4), "impossible"},
      {std::string("\x7f\xff\xff\xff", 4), "impossible"},
      {std::string("\x00\x08\x00\x00", 4), "impossible"},
      {std::string("\x00\x00\x00\x03", 4), "impossible"},
      {std::string("\x00\x00\x00\x00", 4), "impossible"},
  };
  for (const auto& each : cases) {
    session_.connecting(kConnection);
    transport_.incoming.clear();
    arrive(each.bytes);
    ASSERT_EQ(read(), Session::Read::Broken) << each.word;
    EXPECT_NE(std::string(why_).find(each.word), std::string::npos) << why_;
  }
}

TEST_F(SessionTest, WritesTheSameFrameHoweverItIsCut) {
  Pool pool({1 * kMiB, 0, 0, kPageBytes});
  Partition partition;
  Batch* batches[2];
  for (Batch*& batch : batches) {
    batch = Batch::create(pool, partition, MonoTime{});
    const std::vector<std::byte> tail(3'000, std::byte{'r'});
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(batch->append_copy(tail, 1, {}, pool));
    batch->seal({1, 0}, 0);
  }
  wire::ProduceRequest::Partition partitions[2];
  for (int i = 0; i < 2; ++i) {
    partitions[i] = {i, wire::Records::spliced(batches[i]->wire_size(),
                                               reinterpret_cast<std::uint64_t>(batches[i]))};
  }
  const wire::ProduceRequest::Topic topic{"t", {}, partitions};
  wire::ProduceRequest request;
  request.topics = std::span(&topic, 1);
  std::vector<std::byte> whole;
  for (std::size_t cut = 0; cut == 0 || cut < whole.size(); cut += cut < 200 ? 1 : 13) {
    ASSERT_TRUE(session_.start(request, 9, "me", MonoTime{}));
    EXPECT_FALSE(session_.can_start_frame());
    transport_.written.clear();
    transport_.write_limit = cut == 0 ? SIZE_MAX : cut;
    const bool out = session_.flush(transport_);
    EXPECT_EQ(out, cut == 0);
    transport_.write_limit = SIZE_MAX;
    ASSERT_TRUE(session_.flush(transport_));
    EXPECT_FALSE(session_.sending());
    const std::int32_t correlation = session_.pop_oldest().correlation;
    wire::store_big_endian<std::int32_t>(transport_.written.data() + 8, 0);  // counts up
    if (cut == 0) whole = transport_.written;
    ASSERT_EQ(transport_.written, whole) << cut;
    ASSERT_GT(correlation, 0);
  }
  EXPECT_EQ(wire::load_big_endian<std::uint32_t>(whole.data()), whole.size() - 4);
  for (Batch* batch : batches) Batch::destroy(batch, pool);
}

TEST_F(SessionTest, ARequestThatDoesNotFitLeavesNothing) {
  std::vector<std::string> names(100, std::string(249, 'n'));
  std::vector<wire::MetadataRequest::Topic> topics(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) topics[i].name = names[i];
  wire::MetadataRequest request;
  request.topics = std::span<const wire::MetadataRequest::Topic>(topics);
  EXPECT_FALSE(session_.start(request, 4, "me", MonoTime{}));
  EXPECT_TRUE(session_.can_start_frame());
  EXPECT_FALSE(session_.any_in_flight());
  EXPECT_TRUE(session_.flush(transport_));
  EXPECT_TRUE(transport_.written.empty());
}

// A password goes through the buffer; what the connection took of it is not ours to wipe.
TEST_F(SessionTest, ASecretIsWipedWhenItIsOutOrNeverWillBe) {
  constexpr std::string_view kSecret = "correct-horse-battery-staple";
  const auto holds = [this, kSecret] {
    const std::string_view all(reinterpret_cast<const char*>(memory_->send.data()),
                               memory_->send.size());
    return all.find(kSecret) != all.npos;
  };
  const auto start = [this, kSecret] {
    wire::SaslAuthenticateRequest request;
    request.auth_bytes = std::as_bytes(std::span(kSecret));
    ASSERT_TRUE(session_.start(request, 2, "me", MonoTime{}));
    session_.wipe_after_send();
  };
  start();
  transport_.write_limit = 10;
  EXPECT_FALSE(session_.flush(transport_));
  EXPECT_TRUE(holds());
  transport_.write_limit = SIZE_MAX;
  EXPECT_TRUE(session_.flush(transport_));
  EXPECT_FALSE(holds());
  session_.pop_oldest();
  start();
  EXPECT_TRUE(holds());
  session_.pop_oldest();
  session_.down();
  EXPECT_FALSE(holds());
}

TEST_F(SessionTest, RequestsLeaveInTheOrderTheyCame) {
  wire::MetadataRequest request;
  std::int32_t next = 0;
  for (int round = 0; round < 5; ++round) {
    std::size_t count = 0;
    while (session_.can_start_frame()) {
      ASSERT_TRUE(session_.start(request, 4, "me", MonoTime{}));
      ASSERT_TRUE(session_.flush(transport_));
      ++count;
    }
    EXPECT_EQ(count, Session::kInFlightMax);
    for (; count > 0; --count) {
      const std::int32_t correlation = session_.pop_oldest().correlation;
      EXPECT_GT(correlation, next);
      next = correlation;
    }
  }
}

}  // namespace
}  // namespace spillway
