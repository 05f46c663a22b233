// A temporary dies before the record is sent.
#include <string>

#include "spillway/record.h"

std::string make_text();

std::size_t borrow() {
#ifdef CONTROL
  const std::string text = make_text();
  return spillway::BorrowedBytes(text).bytes().size();
#else
  return spillway::BorrowedBytes(make_text()).bytes().size();
#endif
}
