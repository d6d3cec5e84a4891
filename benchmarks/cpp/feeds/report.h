#pragma once

#include <cstdint>
#include <vector>

#include "arguments.h"
#include "host.h"
#include "stillcast/counters.h"

namespace stillcast::bench {

// What was measured of one run.
struct Run {
  std::vector<double> lateness_ms;
  std::vector<double> frame_age_ms;
  int64_t jpeg_bytes = 0;
  int64_t timer_cpu_ns = 0;
  int64_t workers_cpu_ns = 0;
  int64_t wall_ns = 0;
  int64_t opening_ns = 0;  // of all feeds
  int64_t base_bytes = 0;  // resident with the pictures, before the first feed
  int64_t peak_bytes = 0;
  std::vector<HostCost> hosts;
};

// Prints one JSON object.
void print(const Arguments& arguments, Run run, const Counters& counters);

}  // namespace stillcast::bench
