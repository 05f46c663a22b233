#include "apps/spillway/properties.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>

namespace spillway::cli {
namespace {

constexpr std::string_view kBlank = " \t\f";

bool is_blank(char c) {
  return kBlank.find(c) != kBlank.npos;
}

// Logical lines: comments and empty lines left out, continuations joined, escapes still inside.
class LogicalLines {
 public:
  explicit LogicalLines(std::string_view text) : text_(text) {}

  // False at the end of the text. `line` is at most one byte longer than kPropertyBytesMax.
  bool next(std::string& line, std::size_t& number) {
    while (at_ < text_.size()) {
      number = number_ + 1;
      std::string_view natural = natural_line();
      skip_blank(natural);
      if (natural.empty() || natural.front() == '#' || natural.front() == '!') continue;
      line.clear();
      while (continues(natural)) {
        natural.remove_suffix(1);
        append(line, natural);
        if (at_ >= text_.size()) return true;
        natural = natural_line();
        skip_blank(natural);
      }
      append(line, natural);
      if (!line.empty()) return true;
    }
    return false;
  }

 private:
  static void skip_blank(std::string_view& text) {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  }

  static bool continues(std::string_view natural) {
    const auto last = natural.find_last_not_of('\\');
    return (natural.size() - (last == natural.npos ? 0 : last + 1)) % 2 == 1;
  }

  static void append(std::string& line, std::string_view piece) {
    line.append(piece.substr(0, kPropertyBytesMax + 1 - std::min(line.size(), kPropertyBytesMax)));
  }

  // Up to \n, \r or \r\n.
  std::string_view natural_line() {
    const auto end = std::min(text_.find_first_of("\r\n", at_), text_.size());
    const std::string_view natural = text_.substr(at_, end - at_);
    at_ = end + (text_.substr(end, 2) == "\r\n" ? 2 : 1);
    number_ += 1;
    return natural;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t number_ = 0;  // of natural lines
};

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xC0 | code >> 6);
    return put(0x80 | (code & 0x3F));
  }
  if (code < 0x10000) {
    put(0xE0 | code >> 12);
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
  }
  put(0x80 | (code >> 6 & 0x3F));
  put(0x80 | (code & 0x3F));
}

// The escapes of one name or value.
class Unescaper {
 public:
  // Empty: `out` holds the text. Otherwise what is wrong.
  std::string run(std::string_view text, std::string& out) {
    text_ = text;
    while (!text_.empty()) {
      const char c = take();
      if (static_cast<unsigned char>(c) > 127) {
        return "has a byte above 127: write \\uXXXX, which every reader understands alike";
      }
      if (c == '\0') return "has a NUL byte";
      if (c != '\\') {
        out.push_back(c);
      } else if (!escape(out)) {
        return "has a malformed \\u escape: four hexadecimal digits, surrogates in pairs, no NUL";
      }
    }
    return {};
  }

 private:
  char take() {
    const char c = text_.front();
    text_.remove_prefix(1);
    return c;
  }

  bool escape(std::string& out) {
    if (text_.empty()) return true;  // the backslash at the end of the file
    constexpr std::string_view kFrom = "tnrf";
    constexpr std::string_view kTo = "\t\n\r\f";
    const char c = take();
    if (c == 'u') return unicode(out);
    const auto known = kFrom.find(c);
    if (static_cast<unsigned char>(c) > 127) return false;
    out.push_back(known == kFrom.npos ? c : kTo[known]);
    return true;
  }

  bool unicode(std::string& out) {
    auto code = four_digits();
    if (!code || *code == 0) return false;
    const bool high = *code >= 0xD800 && *code < 0xDC00;
    if (*code >= 0xDC00 && *code < 0xE000) return false;
    if (high) {
      if (!text_.starts_with("\\u")) return false;
      text_.remove_prefix(2);
      const auto low = four_digits();
      if (!low || *low < 0xDC00 || *low >= 0xE000) return false;
      code = 0x10000 + ((*code - 0xD800) << 10) + (*low - 0xDC00);
    }
    append_utf8(out, *code);
    return true;
  }

  std::optional<std::uint32_t> four_digits() {
    if (text_.size() < 4) return std::nullopt;
    std::uint32_t code = 0;
    for (int i = 0; i < 4; ++i) {
      const auto digit = std::string_view("0123456789abcdef").find(lower(take()));
      if (digit == std::string_view::npos) return std::nullopt;
      code = code * 16 + static_cast<std::uint32_t>(digit);
    }
    return code;
  }

  static char lower(char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c; }

  std::string_view text_;
};

// Where the name ends: at the first separator that no backslash stands before.
std::size_t end_of_name(std::string_view line) {
  std::size_t at = 0;
  while (at < line.size() && line[at] != '=' && line[at] != ':' && !is_blank(line[at])) {
    at += line[at] == '\\' ? 2 : 1;
  }
  return std::min(at, line.size());
}

std::string split(std::string_view line, Property& property) {
  const std::size_t name_end = end_of_name(line);
  std::string_view value = line.substr(name_end);
  value.remove_prefix(std::min(value.find_first_not_of(kBlank), value.size()));
  if (!value.empty() && (value.front() == '=' || value.front() == ':')) {
    value.remove_prefix(1);
    value.remove_prefix(std::min(value.find_first_not_of(kBlank), value.size()));
  }
  Unescaper unescaper;
  auto problem = unescaper.run(line.substr(0, name_end), property.name);
  return problem.empty() ? unescaper.run(value, property.value) : problem;
}

std::string read_all(int fd, std::string& text) {
  text.resize(kPropertiesBytesMax + 1);
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(fd, text.data() + size, text.size() - size);
    if (got < 0) return std::strerror(errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  if (size <= kPropertiesBytesMax) return {};
  return "it has more than " + std::to_string(kPropertiesBytesMax >> 20) + " MiB";
}

}  // namespace

Properties parse_properties(std::string_view text) {
  Properties properties;
  LogicalLines lines(text);
  std::string line;
  Property property;
  while (lines.next(line, property.line)) {
    property.name.clear();
    property.value.clear();
    std::string problem = line.size() > kPropertyBytesMax
                              ? "is longer than " + std::to_string(kPropertyBytesMax) + " bytes"
                              : split(line, property);
    if (problem.empty() && property.name.empty()) problem = "has no name before its value";
    if (problem.empty() && properties.list.size() == kPropertiesMax) {
      problem = "is one too many: at most " + std::to_string(kPropertiesMax) + " settings";
    }
    if (!problem.empty()) {
      properties.problem = "line " + std::to_string(property.line) + " " + problem;
      return properties;
    }
    properties.list.push_back(property);
  }
  return properties;
}

Properties read_properties(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  std::string text;
  const std::string problem = fd < 0 ? std::strerror(errno) : read_all(fd, text);
  if (fd >= 0) ::close(fd);
  if (problem.empty()) return parse_properties(text);
  Properties properties;
  properties.problem = "cannot be read: " + problem;
  return properties;
}

}  // namespace spillway::cli
