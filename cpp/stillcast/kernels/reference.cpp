#include <algorithm>
#include <cstddef>

#include "stillcast/kernels/kernels.h"

// The loops as one would write them down, for every instruction set that has no better ones and for the tests.

namespace stillcast {

namespace {

int32_t weighted_sum(const uint8_t* const* rows, const int16_t* weights, int count, int x) noexcept {
  int32_t sum = 0;
  for (int i = 0; i < count; ++i) sum += weights[i] * rows[i][x];
  return sum;
}

void sum_rows(const uint8_t* const* rows, const int16_t* weights, int count, int length, ptrdiff_t /*ahead*/,
              int16_t* sums) noexcept {
  for (int x = 0; x < length; ++x) sums[x] = static_cast<int16_t>(weighted_sum(rows, weights, count, x));
}

void sum_rows_fine(const uint8_t* const* rows, const int16_t* weights, int count, int length, ptrdiff_t /*ahead*/,
                   int16_t* sums) noexcept {
  constexpr int32_t kHalf = 1 << (kFineDropBits - 1);
  for (int x = 0; x < length; ++x) {
    sums[x] = static_cast<int16_t>((weighted_sum(rows, weights, count, x) + kHalf) >> kFineDropBits);
  }
}

void split(const int16_t* from, int step, int length, const std::array<int16_t*, 4>& to) noexcept {
  for (int x = 0; x < length; ++x) {
    for (int i = 0; i < step; ++i) to[static_cast<size_t>(i)][x] = from[x * step + i];
  }
}

int32_t weigh_run(const RowWindows& windows, const int16_t* from, int cell) noexcept {
  const int16_t* samples = from + windows.starts[static_cast<size_t>(cell)];
  const int16_t* weights = &windows.weights[static_cast<size_t>(cell) * static_cast<size_t>(windows.run)];
  int32_t sum = 0;
  for (int i = 0; i < windows.run; ++i) sum += samples[i] * weights[i];
  return sum;
}

int32_t weigh_in_window(const RowWindows& windows, const int16_t* from, int cell) noexcept {
  const size_t window = place_of_window(windows.shape, windows.pairs, cell / windows.cells_per_window());
  const auto place = static_cast<size_t>(cell % windows.cells_per_window());
  const int16_t* samples = from + windows.starts[window];
  int32_t sum = 0;
  for (size_t tap = 0; tap < 2 * static_cast<size_t>(windows.pairs); ++tap) {
    const size_t to = 2 * (tap / 2 * static_cast<size_t>(windows.cells_per_window()) + place) + tap % 2;
    const size_t sample = window * static_cast<size_t>(windows.samples()) + to;
    sum += samples[windows.indices[2 * sample] / 2] * windows.weights[sample];
  }
  return sum;
}

void weigh_row(const RowWindows& windows, const int16_t* from, int16_t* to) noexcept {
  const auto weigh = windows.pairs == 0 ? weigh_run : weigh_in_window;
  const int32_t half = 1 << (windows.shift - 1);
  for (int cell = 0; cell < windows.cells; ++cell) {
    to[cell] = static_cast<int16_t>((weigh(windows, from, cell) + half) >> windows.shift);
  }
}

void weigh_rows(const RowWindows& windows, const TwoRows& from, const std::array<int16_t*, 2>& to) noexcept {
  for (size_t i = 0; i < from.size(); ++i) weigh_row(windows, from[i], to[i]);
}

int32_t weigh_bytes(const SourceWindows& windows, const uint8_t* row, int16_t row_weight, int cell) noexcept {
  const int8_t* weights = windows.weights_of(row_weight);
  const size_t window = place_of_window(windows.shape, windows.groups, cell / windows.cells_per_window());
  const auto place = static_cast<size_t>(cell % windows.cells_per_window());
  const uint8_t* bytes = row + windows.starts[window];
  int32_t sum = 0;
  for (size_t tap = 0; tap < 4 * static_cast<size_t>(windows.groups); ++tap) {
    const size_t group = tap / 4 * static_cast<size_t>(windows.cells_per_window()) + place;
    const size_t at = window * static_cast<size_t>(windows.shape.bytes) + 4 * group + tap % 4;
    sum += bytes[windows.indices[at]] * weights[at];
  }
  return sum;
}

void weigh_source(const SourceWindows& windows, const WeightedRows& from, int16_t* to) noexcept {
  for (int cell = 0; cell < windows.cells; ++cell) {
    int32_t sum = 0;
    for (int i = 0; i < from.count; ++i) sum += weigh_bytes(windows, from.rows[i], from.weights[i], cell);
    to[cell] = static_cast<int16_t>((sum * windows.factor + (1 << (windows.shift - 1))) >> windows.shift);
  }
}

void average(const int16_t* a, const int16_t* b, int length, int16_t* to) noexcept {
  for (int x = 0; x < length; ++x) to[x] = static_cast<int16_t>((a[x] + b[x] + 1) >> 1);
}

uint8_t clamped(int32_t level) noexcept { return static_cast<uint8_t>(std::clamp(level, 0, 255)); }

// a * b in units of 2^-15 of the product, rounded half up.
int32_t scaled_by(int32_t a, int16_t b) noexcept { return (a * b + (1 << 14)) >> 15; }

// The distance from neutral, twice as fine.
int32_t from_neutral(int16_t chroma) noexcept { return 2 * chroma - (1 << (8 + kScaledBits)); }

void convert_ycc(const YccTransform& t, const ScaledRows& from, int pairs, const PictureRows& to) noexcept {
  constexpr int kBias = YccTransform::kBias;
  for (int x = 0; x < pairs; ++x) {
    const int32_t cb = from_neutral(from.row[1][0][x]);
    const int32_t cr = from_neutral(from.row[2][0][x]);
    const int32_t chroma_part = scaled_by(cb, t.luma_of_cb) + scaled_by(cr, t.luma_of_cr) + t.luma_offset;
    for (size_t y = 0; y < 2; ++y) {
      for (int i = 2 * x; i < 2 * x + 2; ++i) {
        const uint32_t luma = uint32_t{2} * static_cast<uint16_t>(from.row[0][y][i]) * t.luma_gain >> 16;
        to.luma[y][i] = clamped(((static_cast<int32_t>(luma) + chroma_part) >> kScaledBits) + kBias);
      }
    }
    const auto chroma = [cb, cr](int16_t of_cb, int16_t of_cr) {
      const int32_t fixed = scaled_by(cb, of_cb) + scaled_by(cr, of_cr) + YccTransform::kHalf;
      return clamped((fixed >> kScaledBits) + 128);
    };
    to.cb[x] = chroma(t.cb_of_cb, t.cb_of_cr);
    to.cr[x] = chroma(t.cr_of_cb, t.cr_of_cr);
  }
}

// `fixed` has so many bits below the level.
uint8_t to_level(int32_t fixed, int fraction_bits) noexcept {
  return clamped((fixed + (1 << (fraction_bits - 1))) >> fraction_bits);
}

// Twice the chroma of four pixels, `out` being 1 for Cb and 2 for Cr.
int32_t twice_chroma(const RgbTransform& t, const ScaledRows& from, int x, size_t out) noexcept {
  int32_t sum = 2 * t.offset[out];
  for (size_t i = 0; i < 3; ++i) {
    const auto& [above, below] = from.row[i];
    const int32_t left = (above[2 * x] + below[2 * x] + 1) >> 1;
    const int32_t right = (above[2 * x + 1] + below[2 * x + 1] + 1) >> 1;
    sum += t.matrix[out][i] * (left + right);
  }
  return sum;
}

void convert_rgb(const RgbTransform& t, const ScaledRows& from, int pairs, const PictureRows& to) noexcept {
  for (size_t y = 0; y < 2; ++y) {
    for (int x = 0; x < 2 * pairs; ++x) {
      const int32_t luma = t.matrix[0][0] * from.row[0][y][x] + t.matrix[0][1] * from.row[1][y][x] +
                           t.matrix[0][2] * from.row[2][y][x] + t.offset[0];
      to.luma[y][x] = to_level(luma, RgbTransform::kFractionBits);
    }
  }
  for (int x = 0; x < pairs; ++x) {
    to.cb[x] = to_level(twice_chroma(t, from, x, 1), RgbTransform::kFractionBits + 1);
    to.cr[x] = to_level(twice_chroma(t, from, x, 2), RgbTransform::kFractionBits + 1);
  }
}

LumaSums sum_luma(const uint8_t* row, const std::array<int, LumaSums::kStretches>& ends) noexcept {
  LumaSums sums{};
  int x = 0;
  for (size_t i = 0; i < ends.size(); ++i) {
    for (; x < ends[i]; ++x) {
      sums.stretches[i] += row[x];
      sums.squares += static_cast<uint64_t>(row[x]) * row[x];
    }
  }
  return sums;
}

void transpose_block(const uint8_t* from, ptrdiff_t from_stride, uint8_t* to, ptrdiff_t to_stride) noexcept {
  for (ptrdiff_t y = 0; y < 16; ++y) {
    for (ptrdiff_t x = 0; x < 16; ++x) to[y * to_stride + x] = from[x * from_stride + y];
  }
}

void reverse_row(const uint8_t* from, int length, uint8_t* to) noexcept { std::reverse_copy(from, from + length, to); }

constexpr Kernels kReference{"reference", {16, 1},         sum_rows,   sum_rows_fine, split,
                             weigh_rows,  weigh_source,    average,    convert_ycc,   convert_rgb,
                             sum_luma,    transpose_block, reverse_row};

}  // namespace

const Kernels& reference_kernels() noexcept { return kReference; }

}  // namespace stillcast
