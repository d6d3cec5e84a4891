#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "stillcast/frame.h"
#include "stillcast/picture.h"

namespace stillcast {

// Note [Area weights]
// Each destination cell is the mean of the source that it covers. Along one axis a cell's weights are the lengths of
// its overlaps with the source samples, as fixed point that sums to exactly 2^14 (cumulative rounding), so a flat
// picture stays flat. The two axes are separable; products are kept exact and rounded once, to kScaledBits below the
// level.
//
// Order: the weighted sum of whole rows first (wide and sequential), then the few summed rows along their length,
// which picks interleaved components apart in the same pass.
constexpr int kWeightBits = 14;

// How one axis of a component is divided among destination cells.
class AreaAxis {
 public:
  struct Span {
    int first;   // source sample
    int count;   // samples covered
    int weight;  // index of the first weight
  };

  // `extent` is the length of the axis in luma pixels, of which one sample spans `sub`: the last chroma sample of an
  // odd picture is covered half only.
  void build(int extent, int sub, int cells);

  [[nodiscard]] int cells() const noexcept { return static_cast<int>(spans_.size()); }
  [[nodiscard]] const Span& span(int cell) const noexcept { return spans_[static_cast<size_t>(cell)]; }
  [[nodiscard]] const uint16_t* weights(const Span& span) const noexcept {
    return &weights_[static_cast<size_t>(span.weight)];
  }

 private:
  int extent_ = 0;
  int sub_ = 0;
  std::vector<Span> spans_;
  std::vector<uint16_t> weights_;
};

// Area-weighted mean of every component, right for every ratio and different ones per axis. Plain C++: the reference
// that faster kernels are compared with. Not thread-safe; keep one a thread, it keeps its tables and rows.
//
// Chroma is taken to lie in the middle of the pixels it serves, as JPEG has it; most video has it half a source pixel
// further left, a shift that stays in the still as half a *source* pixel.
class Downscaler {
 public:
  // Scales each component of the frame into the plane of the same place, whose size says the ratio; samples are levels
  // times 2^kScaledBits. Planes beyond the frame's components are left alone.
  void scale(const FrameView& frame, std::array<ScaledPlane, 3>& to);

 private:
  void scale_together(const FrameView& frame, int first, int end, std::array<ScaledPlane, 3>& to);
  void sum_rows(const PlaneView& plane, const AreaAxis& vertical, int y);
  void weigh_row(const Component& component, const AreaAxis& horizontal, uint16_t* to) const noexcept;

  struct Grid {
    AreaAxis horizontal;
    AreaAxis vertical;
  };

  // Of the full components, and of the subsampled ones: both stay as they are while the geometry does.
  std::array<Grid, 2> grids_;
  std::vector<uint32_t> sums_;
};

// The plane's means in columns x rows cells, row by row, each scaled by 2^28. For picture hashes.
[[nodiscard]] std::vector<uint64_t> area_means(const Plane& plane, int columns, int rows);

}  // namespace stillcast
