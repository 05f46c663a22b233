#include "apps/spillway/progress.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

namespace spillway::cli {
namespace {

Sample sample_at(double seconds, std::uint64_t accepted, std::uint64_t delivered) {
  Sample sample;
  sample.seconds = seconds;
  sample.snapshot.ledger.accepted = accepted;
  sample.snapshot.ledger.delivered = delivered;
  sample.snapshot.ledger.held = accepted - delivered;
  sample.snapshot.memory.budget = 16 << 20;
  sample.snapshot.memory.used = 8 << 20;
  sample.snapshot.memory.used_peak = 9 << 20;
  sample.snapshot.level = Level::Mid;
  return sample;
}

TEST(Progress, APlainLineTellsRateLevelMemoryAndFatesWithoutControlCharacters) {
  const auto line = plain_line(sample_at(1, 1000, 1000), sample_at(3, 5000, 4000), "broker away");
  EXPECT_NE(line.find("in 2,000/s"), std::string::npos) << line;
  EXPECT_NE(line.find("out 1,500/s"), std::string::npos) << line;
  EXPECT_NE(line.find("level mid"), std::string::npos) << line;
  EXPECT_NE(line.find("8.0 MiB of 16.0 MiB"), std::string::npos) << line;
  EXPECT_NE(line.find("held 1,000"), std::string::npos) << line;
  EXPECT_NE(line.find("broker away"), std::string::npos) << line;
  EXPECT_TRUE(std::all_of(line.begin(), line.end(), [](char c) { return c >= ' '; })) << line;
}

TEST(Progress, AFrameFitsATerminalOf80ColumnsEvenWithLargeNumbers) {
  Sample now = sample_at(123'456.7, 99'999'999'999, 88'888'888'888);
  now.snapshot.memory = {
      .budget = 1023ULL << 20, .used = 1022ULL << 20, .used_peak = 1023ULL << 20};
  std::istringstream frame(frame_of({}, now, std::string(200, 'n'), false));
  std::string line;
  int lines = 0;
  while (std::getline(frame, line)) {
    lines += 1;
    EXPECT_LE(line.size(), 78U) << line;
  }
  EXPECT_EQ(lines, 7);
}

TEST(Progress, TheMemoryBarIsHalfFullWhenHalfOfTheBudgetIsUsed) {
  const auto frame = frame_of({}, sample_at(1, 0, 0), "", false);
  EXPECT_NE(frame.find("memory   ############............  "), std::string::npos) << frame;
}

TEST(Progress, TwoSamplesOfTheSameInstantDivideByNothing) {
  const auto sample = sample_at(1, 10, 10);
  EXPECT_NE(plain_line(sample, sample, "").find("in 0/s"), std::string::npos);
}

}  // namespace
}  // namespace spillway::cli
