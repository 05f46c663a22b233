#include "apps/spillway/jaas.h"

#include <gtest/gtest.h>

namespace spillway::cli {
namespace {

const std::string kPlain = "org.apache.kafka.common.security.plain.PlainLoginModule";
const std::string kScram = "org.apache.kafka.common.security.scram.ScramLoginModule";

TEST(Jaas, TakesUserAndPasswordOfBothModules) {
  for (const std::string& module : {kPlain, kScram}) {
    const JaasLogin login =
        parse_jaas(module + " required username=\"alice\" password=\"a b\\\"c;=\" ;");
    EXPECT_EQ(login.problem, "");
    EXPECT_EQ(login.username, "alice");
    EXPECT_EQ(login.password, "a b\"c;=");
    EXPECT_EQ(login.plain, module == kPlain);
  }
}

TEST(Jaas, TakesUnquotedWordsAndNewlines) {
  const JaasLogin login = parse_jaas(kScram + "\n required\n username=bob\n password='pw';\n");
  EXPECT_EQ(login.problem, "");
  EXPECT_EQ(login.username, "bob");
  EXPECT_EQ(login.password, "pw");
}

TEST(Jaas, RefusesEverythingElseWithoutRepeatingIt) {
  const std::string texts[] = {
      "",
      "hunter2",
      "com.example.LoginModule required username=\"u\" password=\"hunter2\";",
      kPlain + " sufficient username=\"u\" password=\"hunter2\";",
      kPlain + " required username=\"u\" password=\"hunter2\"",
      kPlain + " required username=\"u\" password=\"hunter2;",
      kPlain + " required password=\"hunter2\";",
      kPlain + " required username=\"u\" password=\"hunter2\" tokenauth=\"true\";",
      kPlain + " required username \"u\" password=\"hunter2\";",
      kPlain + " required username=\"u\" password=\"hunter2\"; " + kPlain + " required;"};
  for (const std::string& text : texts) {
    const std::string problem = parse_jaas(text).problem;
    EXPECT_NE(problem, "") << text;
    EXPECT_EQ(problem.find("hunter2"), std::string::npos) << problem;
  }
}

}  // namespace
}  // namespace spillway::cli
