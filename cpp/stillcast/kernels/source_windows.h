#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "stillcast/aligned_vector.h"
#include "stillcast/area_axis.h"
#include "stillcast/kernels/row_windows.h"

namespace stillcast {

// Where the samples of a component lie in a row of the source, or those of several that share each pixel's bytes: of
// NV12's chroma there are two lanes, of BGR24 three.
struct SampleLayout {
  int step_bytes;
  int offset_bytes;
  int lanes;
  int row_bytes;
};

// Note [Short weights]
// At the ratios that most stills are made with, 3:1, 2:1, 3:2, the weights of Note [Area weights] are tiny on both
// axes, and so are their products: at 3:1 all are 1 and sum to 9. Then no rows have to be summed first, for samples can
// be weighed as the bytes that they are, along the length of each source row, and the rows' sums are added up in 16
// bits, exactly. One multiplication divides by both totals. At 3:1 this runs as fast as the source can be read.
//
// The windows are those of Note [Windows], but of bytes, and serve groups of four taps rather than two. Components that
// share each pixel's bytes are met in one pass, and taken apart in the row of cells, which is short. All sets of
// kernels take this way for the same geometries, or none: windows of every size have to hold the samples of their
// cells.
struct SourceWindows {
  // False if weights are not short, if a flat picture would not come out flat, or if a row is shorter than a window of
  // any size.
  [[nodiscard]] bool build(const AreaAxis& horizontal, const AreaAxis& vertical, const SampleLayout& layout,
                           const WindowShape& window_shape);

  [[nodiscard]] int cells_per_window() const noexcept { return shape.bytes / 4 / groups; }

  // Of all windows, in a row of this weight.
  [[nodiscard]] const int8_t* weights_of(int row_weight) const noexcept {
    return weights.data() + static_cast<size_t>(row_weight - 1) * indices.size();
  }

  static constexpr int kLeastBytes = 16;  // of a window
  static constexpr int kMostBytes = 64;
  static constexpr int kMostTaps = 8;  // of a cell, along a row and in rows

  WindowShape shape{};
  int groups = 0;                  // of one cell: 1 or 2
  int cells = 0;                   // of all lanes, which take turns
  bool rows_alike = false;         // whether all rows weigh 1
  int16_t factor = 0;              // what exact sums are multiplied by
  int shift = 0;                   // and shifted by, to levels times 2^kScaledBits; rounded half up
  std::vector<int32_t> starts;     // of each window: a byte of the row; no window passes the row's end
  AlignedVector<uint8_t> indices;  // shape.bytes a window: where in it each byte comes from
  AlignedVector<int8_t> weights;   // as many a window, for each weight that a row can have, from 1 on

 private:
  [[nodiscard]] bool choose_factor(int total) noexcept;
  void build_window(const AreaAxis& horizontal, const SampleLayout& layout, int window);
  void multiply_weights(int longest);
};

}  // namespace stillcast
