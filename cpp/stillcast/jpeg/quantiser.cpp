#include "stillcast/jpeg/quantiser.h"

#include <algorithm>
#include <bit>

namespace stillcast::jpeg {

namespace {

constexpr int kPercentAtWorst = 5000;  // at quality 1

int percent_of(int quality) noexcept { return quality < 50 ? kPercentAtWorst / quality : 200 - 2 * quality; }

struct Division {
  uint16_t bias;
  uint16_t reciprocal;
  uint16_t scale;
};

// The reciprocal has 16 bits that count, whatever the divisor. Where it was rounded down, the bias makes up for it.
Division division_by(uint32_t divisor) noexcept {
  int bits = 16 + static_cast<int>(std::bit_width(divisor)) - 1;
  uint32_t reciprocal = (1U << bits) / divisor;
  const uint32_t remainder = (1U << bits) % divisor;
  uint32_t bias = divisor / 2;
  if (remainder == 0) {  // a power of two: 17 bits
    reciprocal /= 2;
    --bits;
  } else if (remainder <= divisor / 2) {
    ++bias;
  } else {
    ++reciprocal;
  }
  return {static_cast<uint16_t>(bias), static_cast<uint16_t>(reciprocal), static_cast<uint16_t>(1U << (32 - bits))};
}

}  // namespace

void Quantiser::build(Kind kind, int quality, const ColumnOrder& order) noexcept {
  const Steps& base = base_steps(kind);
  for (size_t i = 0; i < base.size(); ++i) {
    steps[i] = static_cast<uint8_t>(std::clamp((base[i] * percent_of(quality) + 50) / 100, 1, 255));
  }
  for (int row = 0; row < kBlockSize; ++row) {
    for (int place = 0; place < kCopies * kBlockSize; ++place) {
      const int column = column_at(order, row, place % kBlockSize);
      const Division division = division_by(8U * steps[static_cast<size_t>(row * kBlockSize + column)]);
      Row& words = rows[static_cast<size_t>(row)];
      words.bias[static_cast<size_t>(place)] = division.bias;
      words.reciprocal[static_cast<size_t>(place)] = division.reciprocal;
      words.scale[static_cast<size_t>(place)] = division.scale;
    }
  }
}

}  // namespace stillcast::jpeg
