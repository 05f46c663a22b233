#include "apps/spillway/properties.h"

#include <gtest/gtest.h>

#include <fstream>

namespace spillway::cli {
namespace {

std::vector<std::pair<std::string, std::string>> pairs(const Properties& properties) {
  std::vector<std::pair<std::string, std::string>> list;
  list.reserve(properties.list.size());
  for (const Property& each : properties.list) list.emplace_back(each.name, each.value);
  return list;
}

// java.util.Properties of JDK 17 reads every case in the same way.
TEST(Properties, ReadsEachCaseAsJavaDoes) {
  std::ifstream file(SPILLWAY_PROPERTIES_CASES);
  ASSERT_TRUE(file.good());
  std::string row;
  int cases = 0;
  while (std::getline(file, row)) {
    // A row: TEXT <tab> NAME <tab> VALUE …, each with ~n ~r ~t ~f ~~ for what a row cannot hold.
    std::vector<std::string> cells(1);
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (row[i] == '\t') {
        cells.emplace_back();
      } else if (row[i] == '~' && i + 1 < row.size()) {
        const auto at = std::string("nrtf~").find(row[++i]);
        ASSERT_NE(at, std::string::npos) << row;
        cells.back().push_back("\n\r\t\f~"[at]);
      } else {
        cells.back().push_back(row[i]);
      }
    }
    ASSERT_EQ(cells.size() % 2, 1U) << row;
    std::vector<std::pair<std::string, std::string>> expected;
    for (std::size_t i = 1; i < cells.size(); i += 2) expected.emplace_back(cells[i], cells[i + 1]);
    const Properties got = parse_properties(cells[0]);
    EXPECT_EQ(got.problem, "") << row;
    EXPECT_EQ(pairs(got), expected) << row;
    cases += 1;
  }
  EXPECT_GE(cases, 30);
}

TEST(Properties, SaysTheLineASettingBeginsOn) {
  const Properties got = parse_properties("# one\n\na=1\\\n2\r\nb=3\n");
  ASSERT_EQ(got.list.size(), 2U);
  EXPECT_EQ(got.list[0].line, 3U);
  EXPECT_EQ(got.list[1].line, 5U);
}

TEST(Properties, RefusesWhatReadersUnderstandDifferently) {
  EXPECT_NE(parse_properties("a=\xC3\xA4").problem.find("line 1"), std::string::npos);
  EXPECT_EQ(parse_properties("# \xC3\xA4\na=1").problem, "");
  EXPECT_NE(parse_properties(std::string("a=\0b", 4)).problem, "");
  EXPECT_NE(parse_properties("a=\\u0000").problem, "");
  EXPECT_NE(parse_properties("=value").problem, "");
}

TEST(Properties, RefusesMalformedUnicodeEscapesWithoutRepeatingThem) {
  for (const char* text : {"p=secret\\u12", "p=secret\\uZZZZ", "p=secret\\uD800x",
                           "p=secret\\uDC00", "p=\\uD83D\\u0041secret"}) {
    const std::string problem = parse_properties(text).problem;
    EXPECT_NE(problem, "") << text;
    EXPECT_EQ(problem.find("secret"), std::string::npos) << problem;
  }
}

TEST(Properties, BoundsLinesAndTheirNumber) {
  EXPECT_EQ(parse_properties("a=" + std::string(kPropertyBytesMax - 2, 'x')).problem, "");
  EXPECT_NE(parse_properties("a=" + std::string(kPropertyBytesMax - 1, 'x')).problem, "");
  std::string continued = "a=";
  for (std::size_t i = 0; i < kPropertyBytesMax / 512 + 1; ++i) {
    continued += std::string(512, 'x') + "\\\n";
  }
  EXPECT_NE(parse_properties(continued).problem, "");
  std::string many;
  for (std::size_t i = 0; i < kPropertiesMax; ++i) many += "a=1\n";
  EXPECT_EQ(parse_properties(many).problem, "");
  EXPECT_NE(parse_properties(many + "a=1\n").problem, "");
}

TEST(Properties, BoundsTheFile) {
  EXPECT_NE(read_properties("/dev/zero").problem.find("MiB"), std::string::npos);
  EXPECT_NE(read_properties("/no/such/file").problem, "");
  EXPECT_NE(read_properties("/").problem, "");
}

}  // namespace
}  // namespace spillway::cli
