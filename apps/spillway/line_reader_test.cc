#include "apps/spillway/line_reader.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <random>
#include <string>
#include <thread>
#include <vector>

namespace spillway::cli {
namespace {

using Kind = LineReader::Kind;

class Pipe {
 public:
  Pipe() { EXPECT_EQ(::pipe2(ends_, O_CLOEXEC), 0); }
  ~Pipe() {
    close_writer();
    ::close(ends_[0]);
  }
  [[nodiscard]] int reader() const { return ends_[0]; }
  void write(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t put = ::write(ends_[1], text.data(), text.size());
      ASSERT_GT(put, 0);
      text.remove_prefix(static_cast<std::size_t>(put));
    }
  }
  void close_writer() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }

 private:
  int ends_[2] = {-1, -1};
};

// What a reader makes of `text`: a line as itself, a too large one as "!size".
std::vector<std::string> lines_of(std::string_view text, std::size_t line_bytes_max) {
  Pipe pipe;
  std::thread writer([&] {
    pipe.write(text);
    pipe.close_writer();
  });
  LineReader reader(pipe.reader(), -1, line_bytes_max);
  std::vector<std::string> lines;
  while (true) {
    const auto item = reader.next();
    if (item.kind == Kind::Line) lines.emplace_back(item.line);
    if (item.kind == Kind::TooLarge) lines.push_back("!" + std::to_string(item.size));
    if (item.kind == Kind::End || item.kind == Kind::Failed) break;
  }
  writer.join();
  EXPECT_EQ(reader.lines(), lines.size());
  EXPECT_EQ(reader.bytes(), text.size());
  return lines;
}

using Lines = std::vector<std::string>;

TEST(LineReader, SplitsAtNewlinesAndKeepsTheLastLineWithoutOne) {
  EXPECT_EQ(lines_of("a\nbc\n", 10), (Lines{"a", "bc"}));
  EXPECT_EQ(lines_of("a\nbc", 10), (Lines{"a", "bc"}));
  EXPECT_EQ(lines_of("", 10), Lines{});
  EXPECT_EQ(lines_of("\n\n", 10), (Lines{"", ""}));
}

TEST(LineReader, CarriageReturnsAndNulBytesAreData) {
  EXPECT_EQ(lines_of("a\r\nb\r\n", 10), (Lines{"a\r", "b\r"}));
  const std::string text("x\0y\n\0\n", 6);
  EXPECT_EQ(lines_of(text, 10), (Lines{std::string("x\0y", 3), std::string("\0", 1)}));
}

TEST(LineReader, ALineOfExactlyTheLimitPassesAndOneByteMoreIsTooLarge) {
  EXPECT_EQ(lines_of("12345\n123456\nok\n", 5), (Lines{"12345", "!6", "ok"}));
  EXPECT_EQ(lines_of("12345", 5), (Lines{"12345"}));
  EXPECT_EQ(lines_of("123456", 5), (Lines{"!6"}));
}

TEST(LineReader, ATooLargeLineOfManyBlocksIsSkippedAndTheNextOneIsWhole) {
  const std::string big(3 * LineReader::kBlockBytes + 17, 'x');
  EXPECT_EQ(lines_of("a\n" + big + "\nb\n", 100),
            (Lines{"a", "!" + std::to_string(big.size()), "b"}));
}

TEST(LineReader, RandomTextComesBackAsAPlainSplitWouldGiveIt) {
  const auto seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  std::mt19937 random(seed);
  std::string text;
  Lines expected;
  const std::size_t limit = 1000;
  for (int i = 0; i < 3000; ++i) {
    std::string line(random() % (i % 100 == 0 ? 300'000 : 1010), '\0');
    for (char& c : line) c = static_cast<char>(random() % 9);  // no \n, which is 10
    text += line + "\n";
    expected.push_back(line.size() > limit ? "!" + std::to_string(line.size()) : line);
  }
  EXPECT_EQ(lines_of(text, limit), expected);
}

TEST(LineReader, AGibibyteWithoutANewlineCostsNoMemory) {
  Pipe pipe;
  constexpr std::uint64_t kGibibyte = 1ULL << 30;
  std::thread writer([&] {
    const std::string block(1 << 20, 'x');
    for (int i = 0; i < 1024; ++i) pipe.write(block);
    pipe.write("\nnext");
    pipe.close_writer();
  });
  rusage before{};
  ::getrusage(RUSAGE_SELF, &before);
  LineReader reader(pipe.reader(), -1, 1'000'000);
  const auto huge = reader.next();
  EXPECT_EQ(huge.kind, Kind::TooLarge);
  EXPECT_EQ(huge.size, kGibibyte);
  EXPECT_EQ(reader.next().line, "next");
  writer.join();
  rusage after{};
  ::getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 8 * 1024) << "KiB";
}

TEST(LineReader, AStopEndsAWaitForInputAndLosesNoLineAlreadyTold) {
  Pipe input;
  Pipe stop;
  input.write("done\nhalf");
  LineReader reader(input.reader(), stop.reader(), 100);
  EXPECT_EQ(reader.next().line, "done");
  stop.write("!");
  EXPECT_EQ(reader.next().kind, Kind::Stopped);
  EXPECT_EQ(reader.bytes(), 5U);
}

TEST(LineReader, WhatCannotBeReadIsFailedWithItsReason) {
  const int directory = ::open("/", O_RDONLY | O_CLOEXEC);
  LineReader reader(directory, -1, 100);
  const auto item = reader.next();
  EXPECT_EQ(item.kind, Kind::Failed);
  EXPECT_EQ(item.system_error, EISDIR);
  ::close(directory);
}

}  // namespace
}  // namespace spillway::cli
