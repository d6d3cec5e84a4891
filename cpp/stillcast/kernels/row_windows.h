#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "stillcast/aligned_vector.h"
#include "stillcast/area_axis.h"

namespace stillcast {

// A weighted sum of 255 * 2^(kScaledBits + kMostShift), and half of its last place, fit into 31 bits.
constexpr int kMostShift = 16;

// How many windows serve so many cells. Kernels work on a few at a time: some more are there, with weights of zero.
[[nodiscard]] constexpr int whole_windows(int cells, int cells_per_window) noexcept {
  constexpr int kStep = 16;
  return (cells + cells_per_window * kStep - 1) / (cells_per_window * kStep) * kStep;
}

// What one instruction permutes: so many bytes, in each of so many blocks of a vector.
struct WindowShape {
  int bytes;
  int blocks;
};

// Where tables have a window, of whose cells there are so many partial sums: the windows of a vector lie side by side.
// A pair of vectors is narrowed to one block by block, so that the second block's windows are those that follow the
// first block's of both.
[[nodiscard]] constexpr size_t place_of_window(const WindowShape& shape, int parts, int window) noexcept {
  const int of_block = 2 * parts;
  const int of_pair = of_block * shape.blocks;
  const int in_pair = window % of_pair;
  return static_cast<size_t>(window - in_pair + in_pair % of_block * shape.blocks + in_pair / of_block);
}

// Note [Windows]
// A horizontal pass with weights is a product of pairs of samples with pairs of weights, but the pairs of one vector of
// cells lie scattered over the row. A window is a run of `samples` samples that can be permuted by one instruction:
// 8 in general (16 bytes), 32 with AVX-512 VBMI. It serves samples / 2 pairs, that is samples / 2 / pairs cells of up
// to 2 * pairs taps each: pair k of the window's cell o comes to place k * cells_per_window + o. So whatever the ratio
// is, 3:1 as well as 2.248:1, a window costs one load, one permutation and one multiply-add.
//
// Cells with more taps than fit (pairs == 0) are sums over a run of consecutive samples each.
struct RowWindows {
  // For rows that `axis` divides and whose samples are levels times `vertical_total`. False if a flat row would not
  // come out flat; with a power of two it always does.
  [[nodiscard]] bool build(const AreaAxis& axis, int vertical_total, const WindowShape& window_shape);

  [[nodiscard]] int samples() const noexcept { return shape.bytes / 2; }
  [[nodiscard]] int cells_per_window() const noexcept { return samples() / 2 / pairs; }
  // How far behind a row's last sample a kernel may read.
  [[nodiscard]] int overread() const noexcept { return pairs == 0 ? run : samples(); }

  static constexpr int kRunStep = 32;

  WindowShape shape{};
  int pairs = 0;  // of one cell: 1, 2 or 4; 0 means runs
  int cells = 0;
  int shift = 0;                   // from a weighted sum to levels times 2^kScaledBits; rounded half up
  int run = 0;                     // samples of each run, whole multiples of kRunStep
  std::vector<int32_t> starts;     // of each window, or of each cell's run
  AlignedVector<uint8_t> indices;  // 2 * samples bytes a window: where in it each byte comes from
  AlignedVector<int16_t> weights;  // samples a window, or `run` a cell

 private:
  [[nodiscard]] bool choose_scale(const AreaAxis& axis, int vertical_total) noexcept;
  [[nodiscard]] bool fits(const AreaAxis& axis) const noexcept;
  void build_windows(const AreaAxis& axis);
  void build_runs(const AreaAxis& axis);
  template <typename Use>
  void for_each_weight(const AreaAxis& axis, int cell, Use use) const;

  int64_t total_ = 0;  // of a cell's weights
};

}  // namespace stillcast
