#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "stillcast/frame.h"

namespace stillcast {

// A plane that owns its memory. Lines are padded to whole blocks of 16 samples and the plane to whole blocks of 16
// lines, so that the JPEG encoder reads whole MCUs in place. The memory grows and is kept: no allocation once warm.
template <typename Sample>
class PlaneOf {
 public:
  void resize(int width, int height) {
    width_ = width;
    height_ = height;
    stride_ = whole_blocks(width);
    padded_height_ = whole_blocks(height);
    if (offset(padded_height_) > samples_.size()) samples_.resize(offset(padded_height_));
  }

  [[nodiscard]] int width() const noexcept { return width_; }
  [[nodiscard]] int height() const noexcept { return height_; }
  [[nodiscard]] Sample* row(int y) noexcept { return samples_.data() + offset(y); }
  [[nodiscard]] const Sample* row(int y) const noexcept { return samples_.data() + offset(y); }

  void fill(Sample value) noexcept { std::fill_n(samples_.begin(), offset(padded_height_), value); }

  // Repeats the last column and the last row into the padding: edges cost fewest bits that way.
  void pad_edges() noexcept {
    for (int y = 0; y < height_; ++y) std::fill_n(row(y) + width_, stride_ - width_, row(y)[width_ - 1]);
    for (int y = height_; y < padded_height_; ++y) std::copy_n(row(height_ - 1), stride_, row(y));
  }

 private:
  static constexpr int whole_blocks(int side) noexcept { return (side + 15) / 16 * 16; }
  [[nodiscard]] size_t offset(int y) const noexcept { return static_cast<size_t>(y) * static_cast<size_t>(stride_); }

  std::vector<Sample> samples_;
  int width_ = 0;
  int height_ = 0;
  int stride_ = 0;
  int padded_height_ = 0;
};

using Plane = PlaneOf<uint8_t>;

// Note [Rounded once]
// Between scaling and colour conversion samples keep 7 bits below the level. Rounding in between, half up, would lift a
// picture scaled 2:1 by a third of a level, since a quarter of its means are ties, and cost 0.2 dB.
constexpr int kScaledBits = 7;
using ScaledPlane = PlaneOf<uint16_t>;

// A small 4:2:0 picture: Y, Cb, Cr; both sides even.
struct Picture {
  std::array<Plane, 3> planes;

  void resize(Size size);
  [[nodiscard]] int width() const noexcept { return planes[0].width(); }
  [[nodiscard]] int height() const noexcept { return planes[0].height(); }
};

// Turns `from` clockwise into `to`, which is resized to fit.
void rotate(const Picture& from, Rotation rotation, Picture& to);

}  // namespace stillcast
