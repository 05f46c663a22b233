#include "apps/spillway/standard_files.h"

#include <fcntl.h>
#include <unistd.h>

namespace spillway::cli {
namespace {

bool input_was_closed = false;  // written once, before any other thread

bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}

}  // namespace

void keep_standard_files_open() {
  input_was_closed = !is_open(STDIN_FILENO);
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (is_open(fd)) continue;
    // open gives the lowest free number, which is this one: the lower ones are open.
    if (::open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY) < 0) return;
  }
}

bool standard_input_was_closed() noexcept {
  return input_was_closed;
}

}  // namespace spillway::cli
