// libyuv's box filter and libjpeg-turbo's raw-data interface, both at their best: planes scaled straight into memory
// that the encoder reads in place. Colours stay what they are (limited range, BT.709): libyuv has no conversion between
// two kinds of YCbCr.

#include <libyuv.h>

#include <cstddef>
#include <cstdint>

#include "raw_jpeg.h"

namespace stillcast::benchmarks {
namespace {

struct Libyuv {
  Libyuv(int from_width, int from_height, int width, int height, int quality)
      : source_width(from_width),
        source_height(from_height),
        y(width, height),
        cb(width / 2, height / 2),
        cr(width / 2, height / 2),
        encoder(width, height, quality) {}

  int source_width;
  int source_height;
  PaddedPlane y;
  PaddedPlane cb;
  PaddedPlane cr;
  RawJpeg encoder;
};

}  // namespace
}  // namespace stillcast::benchmarks

using stillcast::benchmarks::Libyuv;

extern "C" {

Libyuv* libyuv_new(int source_width, int source_height, int width, int height, int quality) {
  return new Libyuv(source_width, source_height, width, height, quality);
}

void libyuv_free(Libyuv* self) { delete self; }

// The number of bytes at `jpeg`, which are valid until the next call; `i420` has even sides.
size_t libyuv_still(Libyuv* self, const uint8_t* i420, const uint8_t** jpeg) {
  const int width = self->source_width;
  const int height = self->source_height;
  const uint8_t* cb = i420 + static_cast<ptrdiff_t>(width) * height;
  const uint8_t* cr = cb + static_cast<ptrdiff_t>(width / 2) * (height / 2);
  libyuv::I420Scale(i420, width, cb, width / 2, cr, width / 2, width, height, self->y.samples.data(), self->y.stride,
                    self->cb.samples.data(), self->cb.stride, self->cr.samples.data(), self->cr.stride, self->y.width,
                    self->y.height, libyuv::kFilterBox);
  self->y.pad();
  self->cb.pad();
  self->cr.pad();
  const auto made = self->encoder.encode({&self->y, &self->cb, &self->cr});
  *jpeg = made.data();
  return made.size();
}

}  // extern "C"
