#include "wire/frame.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "wire/messages/metadata.h"
#include "wire/messages/produce.h"

namespace spillway::wire {
namespace {

std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

class FrameTest : public ::testing::Test {
 protected:
  // The frame behind its length, which is checked.
  std::span<const std::byte> body(const Writer& out) {
    EXPECT_TRUE(out.ok());
    EXPECT_EQ(static_cast<std::size_t>(load_big_endian<std::int32_t>(out.bytes().data())),
              out.total_size() - 4);
    return out.bytes().subspan(4);
  }

  alignas(16) std::array<std::byte, 4096> buffer_{};
  alignas(16) std::array<std::byte, 4096> memory_{};
  Arena arena_{memory_};
};

TEST_F(FrameTest, ARequestComesBackOnTheOtherSide) {
  MetadataRequest::Topic topic;
  topic.name = "orders";
  MetadataRequest request;
  request.topics = std::span(&topic, 1);
  Writer out(buffer_);
  ASSERT_TRUE(write_request(out, request, 12, 77, "spillway"));

  Reader in(body(out));
  RequestHeader header;
  ASSERT_TRUE(read_request_header(in, header));
  EXPECT_EQ(header.api_key, 3);
  EXPECT_EQ(header.api_version, 12);
  EXPECT_EQ(header.correlation_id, 77);
  EXPECT_EQ(header.client_id, "spillway");
  MetadataRequest decoded;
  ASSERT_TRUE(decoded.decode(in, arena_, header.api_version));
  EXPECT_TRUE(in.finish());
  ASSERT_TRUE(decoded.topics.has_value());
  EXPECT_EQ(decoded.topics->front().name, "orders");
}

TEST_F(FrameTest, AResponseIsReadAndItsIdCanBePeeked) {
  MetadataResponse response;
  response.controller_id = 3;
  Writer out(buffer_);
  ASSERT_TRUE(write_response(out, response, 9, 5));
  EXPECT_EQ(peek_correlation_id(body(out)), 5);
  MetadataResponse decoded;
  EXPECT_EQ(read_response(body(out), arena_, 9, decoded).what, nullptr);
  EXPECT_EQ(decoded.controller_id, 3);
}

TEST_F(FrameTest, ABytePastTheEndOfAResponseIsAnError) {
  Writer out(buffer_);
  ASSERT_TRUE(write_response(out, MetadataResponse{}, 9, 5));
  out.integer(std::int8_t{0});
  MetadataResponse decoded;
  const DecodeError error = read_response(out.bytes().subspan(4), arena_, 9, decoded);
  EXPECT_STREQ(error.what, "the message has bytes left after its last field");
}

TEST_F(FrameTest, ARefusedApiVersionsIsReadAsVersionZero) {
  const ApiVersionsResponse::Api api{18, 0, 2};
  ApiVersionsResponse refusal;
  refusal.error_code = 35;
  refusal.api_keys = std::span(&api, 1);
  Writer out(buffer_);
  ASSERT_TRUE(write_response(out, refusal, 0, 1));
  ApiVersionsResponse decoded;
  EXPECT_EQ(read_response(body(out), arena_, 4, decoded).what, nullptr);
  EXPECT_EQ(decoded.error_code, 35);
  ASSERT_EQ(decoded.api_keys.size(), 1U);
  EXPECT_EQ(decoded.api_keys[0].max_version, 2);
}

TEST_F(FrameTest, SplicedRecordsAreCountedAndPlaced) {
  const std::array partitions{ProduceRequest::Partition{0, Records::spliced(500, 11)},
                              ProduceRequest::Partition{1, Records::spliced(70'000, 12)}};
  ProduceRequest::Topic topic;
  topic.name = "orders";
  topic.partitions = partitions;
  ProduceRequest request;
  request.acks = -1;
  request.topics = std::span(&topic, 1);
  std::array<Splice, 2> splices{};
  Writer out(buffer_, splices);
  ASSERT_TRUE(write_request(out, request, 9, 1, std::nullopt));
  ASSERT_EQ(out.splices().size(), 2U);
  EXPECT_EQ(out.total_size(), out.size() + 70'500);

  // What the socket would see, gathered from the buffer and two stretches of records.
  std::string wire;
  std::size_t from = 0;
  const std::string_view head(reinterpret_cast<const char*>(buffer_.data()), out.size());
  for (const Splice& splice : out.splices()) {
    wire += head.substr(from, splice.position - from);
    wire += std::string(splice.size, splice.token == 11 ? 'a' : 'b');
    from = splice.position;
  }
  wire += head.substr(from);
  ASSERT_EQ(wire.size(), out.total_size());
  EXPECT_EQ(static_cast<std::size_t>(load_big_endian<std::int32_t>(out.bytes().data())),
            wire.size() - 4);

  Reader in(as_bytes(wire).subspan(4));
  RequestHeader header;
  ASSERT_TRUE(read_request_header(in, header));
  ProduceRequest decoded;
  ASSERT_TRUE(decoded.decode(in, arena_, 9)) << in.error().what;
  EXPECT_TRUE(in.finish());
  const auto& read = decoded.topics[0].partitions;
  EXPECT_EQ(read[0].records.size(), 500U);
  EXPECT_EQ(read[1].records.size(), 70'000U);
  EXPECT_EQ(read[1].records.bytes().back(), std::byte{'b'});
}

TEST_F(FrameTest, OneSpliceTooManyIsAnOverflow) {
  const std::array partitions{ProduceRequest::Partition{0, Records::spliced(5, 1)},
                              ProduceRequest::Partition{1, Records::spliced(5, 2)}};
  ProduceRequest::Topic topic;
  topic.partitions = partitions;
  ProduceRequest request;
  request.topics = std::span(&topic, 1);
  std::array<Splice, 1> splices{};
  Writer out(buffer_, splices);
  EXPECT_FALSE(write_request(out, request, 9, 1, std::nullopt));
}

TEST_F(FrameTest, OverflowAtEveryBufferSizeIsReportedAndNothingIsWrittenBehindTheBuffer) {
  ProduceRequest::Topic topic;
  topic.name = "orders";
  ProduceRequest request;
  request.topics = std::span(&topic, 1);
  Writer whole(buffer_);
  ASSERT_TRUE(write_request(whole, request, 9, 1, "client"));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    std::vector<std::byte> exact(size);
    Writer out(exact);
    EXPECT_FALSE(write_request(out, request, 9, 1, "client")) << size;
  }
}

TEST_F(FrameTest, StringsLongerThanTheWireAllowsAreAnOverflow) {
  const std::string text(40'000, 'x');
  const std::string_view name = text;
  std::vector<std::byte> large(100'000);
  for (const bool flexible : {false, true}) {
    Writer out(large);
    out.string(name, flexible);
    EXPECT_FALSE(out.ok());
  }
}

TEST(ApiVersions, TheHighestCommonVersionIsPicked) {
  EXPECT_EQ(pick_version(ApiKey::kProduce, 0, 7), 7);
  EXPECT_EQ(pick_version(ApiKey::kProduce, 3, 99), 13);
  EXPECT_EQ(pick_version(ApiKey::kProduce, 0, 2), std::nullopt);
  EXPECT_EQ(pick_version(ApiKey::kProduce, 14, 20), std::nullopt);
  EXPECT_EQ(pick_version(static_cast<ApiKey>(999), 0, 1), std::nullopt);
}

TEST(ApiVersions, HeaderVersionsFollowTheFirstFlexibleVersion) {
  EXPECT_EQ(header_version_request(ApiKey::kProduce, 8), 1);
  EXPECT_EQ(header_version_request(ApiKey::kProduce, 9), 2);
  EXPECT_EQ(header_version_response(ApiKey::kProduce, 9), 1);
  EXPECT_EQ(header_version_request(ApiKey::kApiVersions, 3), 2);
  EXPECT_EQ(header_version_response(ApiKey::kApiVersions, 3), 0);
  EXPECT_EQ(header_version_request(ApiKey::kSaslHandshake, 1), 1);
}

TEST(ApiVersions, EveryApiWithANameHasARange) {
  for (const ApiRange& range : kApiRanges) {
    EXPECT_STREQ(api_name(static_cast<ApiKey>(range.key)), range.name);
  }
  EXPECT_STREQ(api_name(ApiKey::kDescribeProducers), "DescribeProducers");
}

}  // namespace
}  // namespace spillway::wire
