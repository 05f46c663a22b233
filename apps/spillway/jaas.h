// The login line of Java: sasl.jaas.config with a user name and a password.
#pragma once

#include <string>
#include <string_view>

namespace spillway::cli {

struct JaasLogin {
  bool plain = false;  // else SCRAM
  std::string username;
  std::string password;
  std::string problem;  // not empty: what is wrong, without a word of the text
};

// "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"u\" password=\"p\";"
// and the same with ScramLoginModule. What another module or option would do cannot be done here,
// so it is a problem.
[[nodiscard]] JaasLogin parse_jaas(std::string_view text);

}  // namespace spillway::cli
