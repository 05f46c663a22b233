// Files as java.util.Properties reads them, which is how Kafka's own tools are configured.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace spillway::cli {

struct Property {
  std::string name;
  std::string value;
  std::size_t line = 0;  // the first one it stands on, from 1
};

struct Properties {
  std::vector<Property> list;  // in the order of the file, repetitions included
  std::string problem;         // not empty: a sentence, which never repeats the text
};

inline constexpr std::size_t kPropertiesBytesMax = std::size_t{1} << 20;
inline constexpr std::size_t kPropertyBytesMax = std::size_t{64} << 10;  // continuations included
inline constexpr std::size_t kPropertiesMax = 1000;

// Name and value are separated by '=', ':' or white space; '#' and '!' begin comments; a backslash
// at the end continues the line; \t \n \r \f \uXXXX and \c for any other c. One thing is stricter
// than in Java, which reads bytes above 127 as Latin-1: they are refused outside of comments.
[[nodiscard]] Properties parse_properties(std::string_view text);

// Reads at most kPropertiesBytesMax.
[[nodiscard]] Properties read_properties(const std::string& path);

}  // namespace spillway::cli
