#include "base/check.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace spillway {

void check_failed(const char* file, int line, const char* condition, const char* why) noexcept {
  char text[512];
  const int length = std::snprintf(text, sizeof(text), "spillway: bug at %s:%d: %s (%s)\n", file,
                                   line, condition, why);
  if (length > 0) {
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text, static_cast<size_t>(length));
  }
  std::abort();
}

}  // namespace spillway
