#include "stillcast/luma_stats.h"

#include <algorithm>
#include <cmath>

#include "stillcast/downscale.h"

namespace stillcast {

namespace {

constexpr int kHashColumns = 9;
constexpr int kHashRows = 8;

uint64_t difference_hash(const Plane& luma) {
  const std::vector<uint64_t> means = area_means(luma, kHashColumns, kHashRows);
  uint64_t hash = 0;
  for (size_t row = 0; row < kHashRows; ++row) {
    const uint64_t* mean = means.data() + row * kHashColumns;
    for (size_t column = 0; column + 1 < kHashColumns; ++column) {
      hash = hash << 1 | static_cast<uint64_t>(mean[column] < mean[column + 1]);
    }
  }
  return hash;
}

}  // namespace

LumaStats luma_stats(const Plane& luma) {
  uint64_t sum = 0;
  uint64_t sum_of_squares = 0;
  for (int y = 0; y < luma.height(); ++y) {
    const uint8_t* row = luma.row(y);
    uint32_t row_sum = 0;
    uint64_t row_squares = 0;
    for (int x = 0; x < luma.width(); ++x) {
      row_sum += row[x];
      row_squares += uint32_t{row[x]} * row[x];
    }
    sum += row_sum;
    sum_of_squares += row_squares;
  }
  const double pixels = static_cast<double>(luma.width()) * luma.height();
  const double mean = static_cast<double>(sum) / pixels;
  const double variance = static_cast<double>(sum_of_squares) / pixels - mean * mean;
  return {mean, std::sqrt(std::max(0.0, variance)), difference_hash(luma)};
}

}  // namespace stillcast
