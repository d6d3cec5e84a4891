#pragma once

#include <cstdint>

#include "stillcast/downscale.h"
#include "stillcast/kernels/kernels.h"
#include "stillcast/picture.h"

namespace stillcast {

struct LumaStats {
  double mean = 0;       // 0 to 255
  double deviation = 0;  // standard deviation, 0 to 127.5
  uint64_t dhash = 0;    // see LumaMeter
};

// Measures the luma of one picture after the other. One a thread, kept for its life.
//
// The hash is the difference hash over 9x8 area means: a bit is set where a cell is darker than its right neighbour, by
// 1/128 of a level at least, row by row from the most significant bit. Flat pictures give 0.
class LumaMeter {
 public:
  explicit LumaMeter(const Kernels& kernels = best_kernels()) : kernels_(kernels), means_(kernels) {}

  // Throws std::bad_alloc.
  [[nodiscard]] LumaStats measure(const Plane& luma);

 private:
  [[nodiscard]] uint64_t difference_hash(const Plane& luma);

  const Kernels& kernels_;
  Downscaler means_;
};

}  // namespace stillcast
