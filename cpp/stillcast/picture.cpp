#include "stillcast/picture.h"

namespace stillcast {

namespace {

// The sample of `from` that comes to column x, row y of the turned plane.
uint8_t turned_sample(const Plane& from, Rotation rotation, int x, int y) noexcept {
  switch (rotation) {
    case Rotation::k90:
      return from.row(from.height() - 1 - x)[y];
    case Rotation::k180:
      return from.row(from.height() - 1 - y)[from.width() - 1 - x];
    case Rotation::k270:
      return from.row(x)[from.width() - 1 - y];
    case Rotation::k0:
      break;
  }
  return from.row(y)[x];
}

void rotate_plane(const Plane& from, Rotation rotation, Plane& to) noexcept {
  for (int y = 0; y < to.height(); ++y) {
    uint8_t* row = to.row(y);
    for (int x = 0; x < to.width(); ++x) row[x] = turned_sample(from, rotation, x, y);
  }
}

}  // namespace

void Picture::resize(Size size) {
  planes[0].resize(size.width, size.height);
  planes[1].resize(size.width / 2, size.height / 2);
  planes[2].resize(size.width / 2, size.height / 2);
}

void rotate(const Picture& from, Rotation rotation, Picture& to) {
  const bool turned = rotation == Rotation::k90 || rotation == Rotation::k270;
  to.resize(turned ? Size{from.height(), from.width()} : Size{from.width(), from.height()});
  for (size_t i = 0; i < from.planes.size(); ++i) rotate_plane(from.planes[i], rotation, to.planes[i]);
}

}  // namespace stillcast
