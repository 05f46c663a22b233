// A program of somebody else: it sees include/spillway alone and must compile, link and run.
#include <cstdio>

#include "spillway/error.h"

int main() {
  const spillway::Result<int> refused(spillway::ErrorCode::Full);
  std::printf("refused: %d\n", static_cast<int>(refused.code()));
  return refused.code() == spillway::ErrorCode::Full ? 0 : 1;
}
