#include "stillcast/luma_stats.h"

#include <algorithm>
#include <cmath>

namespace stillcast {

void LumaMeter::start(Size size) noexcept {
  size_ = size;
  for (int i = 0; i < kColumns; ++i) {
    const int ninths = (i + 1) * size.width;
    const auto at = static_cast<size_t>(i);
    ends_[at] = ninths / kColumns;
    const auto part = static_cast<uint32_t>(ninths % kColumns);
    edges_[at] = {part == 0 ? 0 : static_cast<size_t>(ends_[at]), part};
  }
  left_ = size.height;
  areas_ = {};
  sum_ = 0;
  squares_ = 0;
  hash_ = 0;
}

void LumaMeter::add(const uint8_t* row) noexcept {
  const LumaSums sums = kernels_.sum_luma(row, ends_);
  squares_ += sums.squares;
  std::array<uint64_t, kColumns> areas;
  uint32_t whole = 0;
  for (size_t i = 0; i < areas.size(); ++i) {
    whole += sums.stretches[i];
    areas[i] = uint64_t{kColumns} * whole + edges_[i].part * row[edges_[i].sample];
  }
  sum_ += whole;
  for (int left = kRows; left > 0;) {
    const int taken = std::min(left, left_);
    for (size_t i = 0; i < areas.size(); ++i) areas_[i] += static_cast<uint64_t>(taken) * areas[i];
    left -= taken;
    left_ -= taken;
    if (left_ == 0) end_cells();
  }
}

// A cell's area is as many ninths of eighths as the picture has samples.
void LumaMeter::end_cells() noexcept {
  const uint64_t samples = static_cast<uint64_t>(size_.width) * static_cast<uint64_t>(size_.height);
  uint64_t before = 0;
  uint64_t left_mean = 0;
  for (size_t i = 0; i < areas_.size(); ++i) {
    const uint64_t mean = (256 * (areas_[i] - before) + samples) / (2 * samples);  // in 1/128, rounded half up
    if (i > 0) hash_ = hash_ << 1 | static_cast<uint64_t>(left_mean < mean);
    left_mean = mean;
    before = areas_[i];
  }
  areas_ = {};
  left_ = size_.height;
}

LumaStats LumaMeter::finish() const noexcept {
  const double samples = static_cast<double>(size_.width) * size_.height;
  const double mean = static_cast<double>(sum_) / samples;
  const double variance = static_cast<double>(squares_) / samples - mean * mean;
  return {mean, std::sqrt(std::max(0.0, variance)), hash_};
}

}  // namespace stillcast
