#include "stillcast/luma_stats.h"

#include <algorithm>
#include <cmath>

namespace stillcast {

namespace {

constexpr Size kHashCells{9, 8};

FrameView as_frame(const Plane& luma) noexcept {
  FrameView frame;
  frame.format = PixelFormat::kGray8;
  frame.width = luma.width();
  frame.height = luma.height();
  frame.planes[0] = {luma.row(0), luma.stride_bytes(), luma.width(), luma.height()};
  return frame;
}

}  // namespace

LumaStats LumaMeter::measure(const Plane& luma) {
  LumaSums sums;
  for (int y = 0; y < luma.height(); ++y) kernels_.add_luma(luma.row(y), luma.width(), sums);
  const double pixels = static_cast<double>(luma.width()) * luma.height();
  const double mean = static_cast<double>(sums.sum) / pixels;
  const double variance = static_cast<double>(sums.squares) / pixels - mean * mean;
  return {mean, std::sqrt(std::max(0.0, variance)), difference_hash(luma)};
}

uint64_t LumaMeter::difference_hash(const Plane& luma) {
  const FrameView frame = as_frame(luma);
  means_.prepare(frame, kHashCells);
  uint64_t hash = 0;
  for (int pair = 0; pair < kHashCells.height / 2; ++pair) {
    const ScaledRows scaled = means_.scale(frame, pair);
    for (const int16_t* means : scaled.row[0]) {
      for (int column = 0; column + 1 < kHashCells.width; ++column) {
        hash = hash << 1 | static_cast<uint64_t>(means[column] < means[column + 1]);
      }
    }
  }
  return hash;
}

}  // namespace stillcast
