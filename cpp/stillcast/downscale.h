#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "stillcast/aligned_vector.h"
#include "stillcast/area_axis.h"
#include "stillcast/frame.h"
#include "stillcast/kernels/kernels.h"

namespace stillcast {

// Area-weighted means of every component, two rows of the small picture at a time: what a pair of rows needs stays in
// the first-level cache. Right for every ratio and different ones per axis. Not thread-safe; keep one a thread, it
// keeps its tables and rows, and allocates only when the geometry changes.
//
// Where weights are short, the samples of each cell are weighed as they lie in the source: Note [Short weights]. Else
// in this order: the weighted sum of whole source rows first (wide and sequential), then interleaved components picked
// apart, then the few summed rows along their length.
//
// Chroma is taken to lie in the middle of the pixels it serves, as JPEG has it; most video has it half a source pixel
// further left, a shift that stays in the still as half a *source* pixel.
class Downscaler {
 public:
  explicit Downscaler(const Kernels& kernels = best_kernels()) : kernels_(kernels) {}

  // Prepares for frames of this geometry and format; `size` is that of the picture before rotation, both sides even.
  void prepare(const FrameView& frame, Size size);

  // Rows 2 * pair and 2 * pair + 1 of the frame that was prepared for. Valid until the next call. Grey has neutral
  // chroma.
  [[nodiscard]] ScaledRows scale(const FrameView& frame, int pair) noexcept;

 private:
  // Of one of the `rows` that the plane has in a pair. Planes that have but one, those of Cb and Cr, share the two.
  [[nodiscard]] AlignedVector<int16_t>& sums(int plane, int row, int rows) noexcept {
    return sums_[static_cast<size_t>(rows == 2 ? row : std::max(0, plane - 1))];
  }

  // What tables and rows are made for.
  struct Geometry {
    PixelFormat format{};
    Size from;
    Size to;
    friend bool operator==(const Geometry&, const Geometry&) = default;
  };

  void build_axes(const Geometry& geometry);
  [[nodiscard]] bool build_source_windows(const FormatInfo& info, int width);
  [[nodiscard]] bool build_windows(const FormatInfo& info);
  void reserve(const FormatInfo& info, const Geometry& geometry);
  // The rows of the plane that row `row` of the small picture covers.
  [[nodiscard]] WeightedRows source_rows(const PlaneView& plane, const AreaAxis& vertical, int row) noexcept;
  void weigh_source(const FrameView& frame, const FormatInfo& info, int pair) noexcept;
  void split_cells(const FormatInfo& info, size_t first, size_t row) noexcept;
  void sum_and_weigh(const FrameView& frame, const FormatInfo& info, int pair) noexcept;
  void sum_row(const PlaneView& plane, const AreaAxis& vertical, int row, AlignedVector<int16_t>& sums) noexcept;
  // Takes apart the rows that were summed, for all components of the plane. Where it is but one row, it is weighed
  // later.
  void weigh_components(const FormatInfo& info, int plane, int rows) noexcept;
  // The row of Cb and that of Cr.
  void weigh_chroma() noexcept;

  const Kernels& kernels_;
  Geometry geometry_;
  // For components that have a sample for each pixel, and for those that have one for two.
  std::array<AreaAxis, 2> vertical_;
  std::array<AreaAxis, 2> horizontal_;
  bool short_weights_ = false;
  std::array<SourceWindows, 3> source_windows_;  // one a component, or the first of several side by side
  std::array<RowWindows, 3> windows_;            // one a component, where weights are not short
  std::vector<const uint8_t*> source_rows_;
  int row_bytes_ = 0;  // of the row that was summed
  std::array<AlignedVector<int16_t>, 2> sums_;
  std::array<std::array<AlignedVector<int16_t>, 4>, 2> split_;  // of each of two rows
  std::array<TwoRows, 3> samples_{};                            // of each component: summed, not yet weighed
  std::array<std::array<AlignedVector<int16_t>, 2>, 3> scaled_;
};

}  // namespace stillcast
