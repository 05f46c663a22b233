#include "apps/spillway/ledger_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "apps/spillway/histogram.h"

namespace spillway::cli {
namespace {

namespace fs = std::filesystem;

class LedgerFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "spillway-ledger-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { fs::remove_all(directory_); }
  static std::string read(const fs::path& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  fs::path directory_;
};

Snapshot example() {
  Snapshot snapshot;
  Ledger& ledger = snapshot.ledger;
  ledger.accepted = 10;
  ledger.delivered = 6;
  ledger.dropped = ledger.failed = ledger.unknown = ledger.held = 1;
  ledger.by_reason[static_cast<std::size_t>(Reason::DropOldest)] = 1;
  ledger.by_reason[static_cast<std::size_t>(Reason::DeliveryTimeout)] = 2;
  snapshot.memory.budget = 64 << 20;
  snapshot.memory.used_peak = 1 << 20;
  return snapshot;
}

TEST_F(LedgerFile, HasTheFieldsThatWerePromisedInTheirOrder) {
  const auto text =
      ledger_json(example(), {.full = 3}, {.seconds = 2, .cpu_seconds = 1e-6, .rss_peak = 77});
  const auto json = nlohmann::ordered_json::parse(text);
  std::vector<std::string> names;
  for (const auto& item : json.items()) names.push_back(item.key());
  EXPECT_EQ(names, (std::vector<std::string>{"accepted", "delivered", "dropped", "failed",
                                             "unknown", "held", "memory_max", "memory_peak",
                                             "rss_peak", "seconds", "records_per_second",
                                             "cpu_ns_per_record", "by_reason", "refusals"}));
  EXPECT_EQ(json["accepted"], 10);
  EXPECT_EQ(json["delivered"], 6);
  EXPECT_EQ(json["held"], 1);
  EXPECT_EQ(json["memory_max"], 64U << 20);
  EXPECT_EQ(json["memory_peak"], 1 << 20);
  EXPECT_EQ(json["rss_peak"], 77);
  EXPECT_EQ(json["records_per_second"], 3.0);
  EXPECT_EQ(json["cpu_ns_per_record"], 100.0);
  EXPECT_EQ(json["by_reason"].size(), static_cast<std::size_t>(kReasonCount - 1));
  EXPECT_EQ(json["by_reason"][std::string(name_of(Reason::DeliveryTimeout))], 2);
  EXPECT_EQ(json["refusals"]["full"], 3);
}

TEST_F(LedgerFile, ARunOfNothingDividesByNothing) {
  const auto json = nlohmann::json::parse(ledger_json({}, {}, {}));
  EXPECT_EQ(json["records_per_second"], 0.0);
  EXPECT_EQ(json["cpu_ns_per_record"], 0.0);
}

TEST_F(LedgerFile, LatenciesAppearOnlyWhenTheyWereMeasured) {
  Histogram send;
  send.record(40);
  const auto json =
      nlohmann::json::parse(ledger_json(example(), {}, {}, {.send = &send, .clock_read_ns = 20}));
  EXPECT_EQ(json["send_latency_ns"]["p99.9"], 40);
  EXPECT_EQ(json["clock_read_ns"], 20.0);
  EXPECT_FALSE(json.contains("ack_latency_ns"));
}

TEST_F(LedgerFile, ReplacesAnOldFileAndLeavesNothingBeside) {
  const fs::path path = directory_ / "ledger.json";
  EXPECT_FALSE(write_whole(path, "old").has_value());
  EXPECT_FALSE(write_whole(path, "new").has_value());
  EXPECT_EQ(read(path), "new");
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_), {}), 1);
}

TEST_F(LedgerFile, WritesThroughALinkAndKeepsTheLink) {
  const fs::path real = directory_ / "real.json";
  const fs::path link = directory_ / "link.json";
  EXPECT_FALSE(write_whole(real, "old").has_value());
  fs::create_symlink(real, link);
  EXPECT_FALSE(write_whole(link, "new").has_value());
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(read(real), "new");
}

TEST_F(LedgerFile, NeverReplacesWhatIsNotARegularFile) {
  const fs::path path = directory_ / "link-to-null";
  fs::create_symlink("/dev/null", path);
  EXPECT_FALSE(check_writable(path).has_value());
  EXPECT_FALSE(write_whole(path, "text").has_value());
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST_F(LedgerFile, ADescriptorGetsTheTextBehindWhatItHas) {
  const fs::path path = directory_ / "output";
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  ASSERT_EQ(::write(fd, "table\n", 6), 6);
  EXPECT_FALSE(write_whole("/dev/fd/" + std::to_string(fd), "ledger\n").has_value());
  ::close(fd);
  EXPECT_EQ(read(path), "table\nledger\n");
}

TEST_F(LedgerFile, APlaceThatCannotBeWrittenIsNamedBeforehand) {
  const auto problem = check_writable(directory_ / "missing" / "ledger.json");
  ASSERT_TRUE(problem.has_value());
  EXPECT_NE(problem->find("missing/ledger.json"), std::string::npos);
  EXPECT_TRUE(check_writable(directory_).has_value());
}

}  // namespace
}  // namespace spillway::cli
