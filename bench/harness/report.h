// One JSON object on one line.
#pragma once

#include <cinttypes>
#include <concepts>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "harness/histogram.h"

namespace spillway::bench {

class Report {
 public:
  // `value` must not need escaping: the words are ours.
  void add(std::string_view name, std::string_view value) {
    open(name);
    text_.append("\"").append(value).append("\"");
  }
  void add(std::string_view name, std::integral auto value) {
    open(name);
    text_ += std::to_string(value);
  }
  void add(std::string_view name, double value) {
    char number[40];
    std::snprintf(number, sizeof number, "%.6g", value);
    open(name);
    text_ += number;
  }
  void add(std::string_view name, const Histogram& histogram) {
    Report inner;
    inner.add("count", histogram.total());
    inner.add("p50", histogram.quantile(0.5));
    inner.add("p99", histogram.quantile(0.99));
    inner.add("p999", histogram.quantile(0.999));
    inner.add("max", histogram.max());
    open(name);
    text_ += inner.line();
  }

  [[nodiscard]] std::string line() const { return "{" + text_ + "}"; }
  void print() const {
    std::printf("%s\n", line().c_str());
    std::fflush(stdout);
  }

 private:
  void open(std::string_view name) {
    if (!text_.empty()) text_ += ", ";
    text_.append("\"").append(name).append("\": ");
  }
  std::string text_;
};

}  // namespace spillway::bench
