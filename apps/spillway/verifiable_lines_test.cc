#include "apps/spillway/verifiable_lines.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <array>

namespace spillway::cli {
namespace {

const VerifiableShape kShape{"t", 4, 3};

TEST(VerifiableLines, KeysRepeatAndValuesAscendBehindTheirPrefix) {
  EXPECT_EQ(kShape.key(0), "0");
  EXPECT_EQ(kShape.key(5), "2");
  EXPECT_EQ(kShape.value(5), "4.5");
  const VerifiableShape bare{"t", {}, {}};
  EXPECT_EQ(bare.key(5), std::nullopt);
  EXPECT_EQ(bare.value(5), "5");
  EXPECT_EQ((VerifiableShape{"t", {}, 0}).key(5), "5");
}

TEST(VerifiableLines, HaveJavasFieldsInJavasOrder) {
  const Delivery delivered{Fate::Delivered, Reason::None, 0, 2, 7, 0};
  EXPECT_EQ(event_line("startup_complete", 1), "{\"timestamp\":1,\"name\":\"startup_complete\"}\n");
  EXPECT_EQ(success_line(kShape, 5, delivered, 1),
            "{\"timestamp\":1,\"name\":\"producer_send_success\",\"key\":\"2\",\"value\":\"4.5\","
            "\"offset\":7,\"topic\":\"t\",\"partition\":2}\n");
  EXPECT_EQ(error_line({"t", {}, {}}, 5, {"class E", "a \"b\""}, 1),
            "{\"timestamp\":1,\"name\":\"producer_send_error\",\"topic\":\"t\",\"key\":null,"
            "\"value\":\"5\",\"exception\":\"class E\",\"message\":\"a \\\"b\\\"\"}\n");
  EXPECT_EQ(sum_line({3, 2, -1, 10}, 1),
            "{\"timestamp\":1,\"name\":\"tool_data\",\"sent\":3,\"acked\":2,"
            "\"target_throughput\":-1,\"avg_throughput\":10.0}\n");
}

TEST(VerifiableLines, NameTheExceptionThatJavaWould) {
  const auto exception = [](Fate fate, Reason reason, std::int16_t code) {
    return std::string(refusal_of({fate, reason, code, -1, -1, 0}, 1000).exception);
  };
  EXPECT_NE(exception(Fate::Unknown, Reason::DeliveryTimeout, 0).find("TimeoutException"),
            std::string::npos);
  EXPECT_NE(exception(Fate::Failed, Reason::Rejected, 10).find("RecordTooLargeException"),
            std::string::npos);
  EXPECT_NE(exception(Fate::Failed, Reason::UnknownTopic, 0).find("UnknownTopicOrPartition"),
            std::string::npos);
  EXPECT_NE(exception(Fate::Failed, Reason::Rejected, 999).find("KafkaException"),
            std::string::npos);
}

TEST(VerifiableLines, AReaderWhoIsGoneCostsTheLinesOnly) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  LineWriter writer(ends[1]);
  writer.write("one\n");
  std::array<char, 8> got{};
  EXPECT_EQ(::read(ends[0], got.data(), got.size()), 4);
  ::close(ends[0]);
  ::signal(SIGPIPE, SIG_IGN);
  writer.write("two\n");
  writer.write("three\n");
  ::close(ends[1]);
}

}  // namespace
}  // namespace spillway::cli
