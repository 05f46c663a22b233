// What this process has used so far, as the system counts it.
#pragma once

#include <cstdint>

namespace spillway::cli {

// User and system time of all threads, in seconds.
double cpu_seconds_used();

// The highest resident size since the program began, in bytes. Read from VmHWM: ru_maxrss would
// inherit the peak of the process that started us. 0 if the system does not tell.
std::uint64_t rss_peak();

}  // namespace spillway::cli
