#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "stillcast/colour.h"
#include "stillcast/kernels/row_windows.h"
#include "stillcast/kernels/source_windows.h"

namespace stillcast {

using TwoRows = std::array<const int16_t*, 2>;

// Rows of the source, and what each of them weighs in one row of the small picture. What lies `ahead` bytes further is
// asked for: the rows that are read next.
struct WeightedRows {
  const uint8_t* const* rows;
  const int16_t* weights;
  int count;
  ptrdiff_t ahead;
};

// Two rows of the small picture on their way, levels times 2^kScaledBits: Y, Cb, Cr (chroma in one row of half the
// length) or R, G, B (two rows each).
struct ScaledRows {
  std::array<TwoRows, 3> row;
};

// Two rows of luma and the one of each chroma that goes with them.
struct PictureRows {
  std::array<uint8_t*, 2> luma;
  uint8_t* cb;
  uint8_t* cr;
};

// Of a row's levels: stretch by stretch, and of the squares of all.
struct LumaSums {
  static constexpr size_t kStretches = 9;
  std::array<uint32_t, kStretches> stretches;
  uint64_t squares;
};

// The loops that all time goes into. Every set gives the same bits; the reference is plain C++.
//
// Rows of int16_t are our own: kernels may read them up to RowWindows::overread() behind their end, and write whole
// vectors, so they are padded by kRowPadding samples at least. Rows of the source are the host's: nothing beyond
// them is touched. Rows of the small picture are padded as Plane pads them.
struct Kernels {
  std::string_view name;
  WindowShape window;

  // sums[x] = sum over i of weights[i] * rows[i][x], for x < length. The weights sum to kExactTotal at most, and
  // none is it alone. What lies
  // `ahead` bytes further is asked for: the rows that are summed next.
  void (*sum_rows)(const uint8_t* const* rows, const int16_t* weights, int count, int length, ptrdiff_t ahead,
                   int16_t* sums) noexcept;
  // The same with weights that sum to 2^kFineBits; sums are levels times 2^7, rounded half up.
  void (*sum_rows_fine)(const uint8_t* const* rows, const int16_t* weights, int count, int length, ptrdiff_t ahead,
                        int16_t* sums) noexcept;
  // Picks apart rows whose samples take turns: to[i][x] = from[x * step + i] for x < length; step is 2, 3 or 4.
  void (*split)(const int16_t* from, int step, int length, const std::array<int16_t*, 4>& to) noexcept;
  // to[i][cell] = (sum of the cell's weights times samples of from[i] + half) >> windows.shift; two rows at a time, so
  // that what describes the windows is read once for both.
  void (*weigh_rows)(const RowWindows& windows, const TwoRows& from, const std::array<int16_t*, 2>& to) noexcept;
  // to[cell] = (sum of the cell's weights times bytes of each row, times what the row weighs, times windows.factor
  //             + half) >> windows.shift.
  void (*weigh_source)(const SourceWindows& windows, const WeightedRows& from, int16_t* to) noexcept;
  // to[x] = mean of a[x] and b[x], rounded half up.
  void (*average)(const int16_t* a, const int16_t* b, int length, int16_t* to) noexcept;
  // Both: `pairs` is half the picture's width.
  void (*convert_ycc)(const YccTransform& transform, const ScaledRows& from, int pairs, const PictureRows& to) noexcept;
  void (*convert_rgb)(const RgbTransform& transform, const ScaledRows& from, int pairs, const PictureRows& to) noexcept;
  // Stretch i ends before column ends[i], and begins where the one before ends; the last one is at the row's end. May
  // read a vector that begins in the row.
  LumaSums (*sum_luma)(const uint8_t* row, const std::array<int, LumaSums::kStretches>& ends) noexcept;
  // Of a block of 16x16: row i becomes column i. Strides may be negative.
  void (*transpose_block)(const uint8_t* from, ptrdiff_t from_stride, uint8_t* to, ptrdiff_t to_stride) noexcept;
  // to[x] = from[length - 1 - x].
  void (*reverse_row)(const uint8_t* from, int length, uint8_t* to) noexcept;
};

constexpr int kRowPadding = 128;  // four vectors of 512 bits

[[nodiscard]] const Kernels& reference_kernels() noexcept;
// The best that this machine can run.
[[nodiscard]] const Kernels& best_kernels() noexcept;
// Every set that this machine can run but the reference; for tests, not while another thread makes stills.
[[nodiscard]] std::span<const Kernels> all_kernels();

}  // namespace stillcast
