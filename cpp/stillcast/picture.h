#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "stillcast/aligned_vector.h"
#include "stillcast/frame.h"

namespace stillcast {

struct Kernels;

// A plane of bytes that owns its memory. Rows are padded to whole vectors of 64 bytes, so that kernels may write past
// their end and read any vector that begins in them, and the plane to whole blocks of 16 rows, so that the JPEG encoder
// reads whole MCUs in place. The memory grows and is kept: no allocation once warm.
class Plane {
 public:
  void resize(int width, int height);

  [[nodiscard]] int width() const noexcept { return width_; }
  [[nodiscard]] int height() const noexcept { return height_; }
  [[nodiscard]] int stride_bytes() const noexcept { return stride_; }
  [[nodiscard]] uint8_t* row(int y) noexcept { return samples_.data() + offset(y); }
  [[nodiscard]] const uint8_t* row(int y) const noexcept { return samples_.data() + offset(y); }

  void fill(uint8_t value) noexcept { std::fill_n(samples_.begin(), offset(padded_height_), value); }

  // Repeats the last column and the last row up to whole blocks of 16: edges cost fewest bits that way.
  void pad_edges() noexcept;

 private:
  [[nodiscard]] size_t offset(int y) const noexcept { return static_cast<size_t>(y) * static_cast<size_t>(stride_); }

  AlignedVector<uint8_t> samples_;
  int width_ = 0;
  int height_ = 0;
  int stride_ = 0;
  int padded_height_ = 0;
};

// A small 4:2:0 picture: Y, Cb, Cr; both sides even.
struct Picture {
  std::array<Plane, 3> planes;

  void resize(Size size);
  [[nodiscard]] int width() const noexcept { return planes[0].width(); }
  [[nodiscard]] int height() const noexcept { return planes[0].height(); }
};

// Turns `from` clockwise, by 90, 180 or 270 degrees, into `to`, which is resized to fit.
void rotate(const Kernels& kernels, const Picture& from, Rotation rotation, Picture& to);

}  // namespace stillcast
