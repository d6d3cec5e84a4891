#pragma once

#include <cstdint>

#include "stillcast/picture.h"

namespace stillcast {

struct LumaStats {
  double mean = 0;       // 0 to 255
  double deviation = 0;  // standard deviation, 0 to 127.5
  uint64_t dhash = 0;    // see luma_stats
};

// The hash is the difference hash over 9x8 area means: a bit is set where a cell is darker than its right neighbour,
// row by row from the most significant bit. Flat pictures give 0.
[[nodiscard]] LumaStats luma_stats(const Plane& luma);

}  // namespace stillcast
