#include "stillcast/picture.h"

#include "stillcast/kernels/kernels.h"

namespace stillcast {

namespace {

constexpr int kBlock = 16;     // samples of luma in an MCU, either way
constexpr int kRowBytes = 64;  // the widest vector

constexpr int round_up(int value, int step) noexcept { return (value + step - 1) / step * step; }

// The sample of `from` that comes to column x, row y of the plane that is turned by 90 or 270 degrees.
const uint8_t* turned_sample(const Plane& from, Rotation rotation, int x, int y) noexcept {
  if (rotation == Rotation::k90) return from.row(from.height() - 1 - x) + y;
  return from.row(x) + from.width() - 1 - y;
}

// A quarter turn is a transposition of rows that are taken, or written, from the last one up.
void turn_block(const Kernels& kernels, const Plane& from, Rotation rotation, int x, int y, Plane& to) noexcept {
  const ptrdiff_t from_stride = from.stride_bytes();
  const ptrdiff_t to_stride = to.stride_bytes();
  if (rotation == Rotation::k90) {
    kernels.transpose_block(turned_sample(from, rotation, x, y), -from_stride, to.row(y) + x, to_stride);
  } else {
    const int last = y + kBlock - 1;
    kernels.transpose_block(turned_sample(from, rotation, x, last), from_stride, to.row(last) + x, -to_stride);
  }
}

void turn_samples(const Plane& from, Rotation rotation, int x, int y, Plane& to) noexcept {
  for (int v = y; v < std::min(y + kBlock, to.height()); ++v) {
    for (int u = x; u < std::min(x + kBlock, to.width()); ++u) to.row(v)[u] = *turned_sample(from, rotation, u, v);
  }
}

void turn_plane(const Kernels& kernels, const Plane& from, Rotation rotation, Plane& to) noexcept {
  for (int y = 0; y < to.height(); y += kBlock) {
    for (int x = 0; x < to.width(); x += kBlock) {
      if (x + kBlock <= to.width() && y + kBlock <= to.height()) {
        turn_block(kernels, from, rotation, x, y, to);
      } else {
        turn_samples(from, rotation, x, y, to);
      }
    }
  }
}

void rotate_plane(const Kernels& kernels, const Plane& from, Rotation rotation, Plane& to) noexcept {
  if (rotation == Rotation::k90 || rotation == Rotation::k270) return turn_plane(kernels, from, rotation, to);
  for (int y = 0; y < to.height(); ++y) kernels.reverse_row(from.row(from.height() - 1 - y), from.width(), to.row(y));
}

}  // namespace

void Plane::resize(int width, int height) {
  width_ = width;
  height_ = height;
  stride_ = round_up(width, kRowBytes);
  padded_height_ = round_up(height, kBlock);
  const size_t wanted = offset(padded_height_) + kRowBytes;
  if (wanted > samples_.size()) samples_.resize(wanted);
}

void Plane::pad_edges() noexcept {
  const int padded_width = round_up(width_, kBlock);
  for (int y = 0; y < height_; ++y) std::fill(row(y) + width_, row(y) + padded_width, row(y)[width_ - 1]);
  for (int y = height_; y < padded_height_; ++y) std::copy_n(row(height_ - 1), padded_width, row(y));
}

void Picture::resize(Size size) {
  planes[0].resize(size.width, size.height);
  planes[1].resize(size.width / 2, size.height / 2);
  planes[2].resize(size.width / 2, size.height / 2);
}

void rotate(const Kernels& kernels, const Picture& from, Rotation rotation, Picture& to) {
  const bool turned = rotation == Rotation::k90 || rotation == Rotation::k270;
  to.resize(turned ? Size{from.height(), from.width()} : Size{from.width(), from.height()});
  for (size_t i = 0; i < from.planes.size(); ++i) rotate_plane(kernels, from.planes[i], rotation, to.planes[i]);
}

}  // namespace stillcast
