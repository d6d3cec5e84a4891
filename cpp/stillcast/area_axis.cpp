#include "stillcast/area_axis.h"

#include <algorithm>
#include <numeric>

namespace stillcast {

void AreaAxis::build(int extent, int sub, int cells) {
  spans_.clear();
  weights_.clear();
  taps_ = 0;
  longest_ = 0;
  // In units of 1/cells of a luma pixel, divided by what they have in common.
  const int64_t common = std::gcd(int64_t{extent}, int64_t{sub} * cells);
  const int64_t cell_length = extent / common;
  const int64_t sample_length = int64_t{sub} * cells / common;
  for (int64_t cell = 0; cell < cells; ++cell) {
    const int64_t begin = cell * cell_length;
    const int64_t end = begin + cell_length;
    const int64_t first = begin / sample_length;
    const int64_t last = (end - 1) / sample_length;
    const auto count = static_cast<int>(last - first + 1);
    spans_.push_back({static_cast<int>(first), count, static_cast<int>(weights_.size())});
    taps_ = std::max(taps_, count);
    for (int64_t sample = first; sample <= last; ++sample) {
      const int64_t overlap = std::min(end, (sample + 1) * sample_length) - std::max(begin, sample * sample_length);
      weights_.push_back(static_cast<int16_t>(overlap));
      longest_ = std::max(longest_, static_cast<int>(overlap));
    }
  }
  total_ = static_cast<int>(cell_length);
}

void AreaAxis::make_fine() noexcept {
  for (const Span& span : spans_) {
    int covered = 0;
    int given = 0;
    for (int i = 0; i < span.count; ++i) {
      int16_t& weight = weights_[static_cast<size_t>(span.weight + i)];
      covered += weight;
      const int due = ((covered << kFineBits) + total_ / 2) / total_;
      weight = static_cast<int16_t>(due - given);
      given = due;
    }
  }
  total_ = 1 << kFineBits;
}

}  // namespace stillcast
