#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "stillcast/frame.h"

namespace stillcast {

// A plane that owns its memory. Lines are padded to whole 16-byte blocks and the plane to whole blocks of 16 lines, so
// that the JPEG encoder reads whole MCUs in place. The memory grows and is kept: no allocation once warm.
class Plane {
 public:
  void resize(int width, int height);

  [[nodiscard]] int width() const noexcept { return width_; }
  [[nodiscard]] int height() const noexcept { return height_; }
  [[nodiscard]] uint8_t* row(int y) noexcept { return bytes_.data() + offset(y); }
  [[nodiscard]] const uint8_t* row(int y) const noexcept { return bytes_.data() + offset(y); }

  void fill(uint8_t value) noexcept;
  // Repeats the last column and the last row into the padding: edges cost fewest bits that way.
  void pad_edges() noexcept;

 private:
  [[nodiscard]] size_t offset(int y) const noexcept { return static_cast<size_t>(y) * static_cast<size_t>(stride_); }

  std::vector<uint8_t> bytes_;
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

// Turns `from` clockwise into `to`, which is resized to fit.
void rotate(const Picture& from, Rotation rotation, Picture& to);

}  // namespace stillcast
