#include "stillcast/still_maker.h"

namespace stillcast {

Status StillMaker::make(const FrameView& frame, const StillSettings& settings, EncodedStill& still) {
  StillView made;
  Status status = make(frame, settings, made);
  still.jpeg.assign(made.jpeg.begin(), made.jpeg.end());
  still.size = made.size;
  still.luma = made.luma;
  return status;
}

Status StillMaker::make(const FrameView& frame, const StillSettings& settings, StillView& still) {
  still.size = still_size(frame, settings.max_size);
  const bool turned = frame.rotation == Rotation::k90 || frame.rotation == Rotation::k270;
  meter_.start(still.size);
  scale_and_convert(frame, turned ? Size{still.size.height, still.size.width} : still.size);
  Picture& picture = upright(frame.rotation);
  still.luma = meter_.finish();
  for (Plane& plane : picture.planes) plane.pad_edges();
  return encoder_->encode(picture, settings.quality, still.jpeg);
}

void StillMaker::scale_and_convert(const FrameView& frame, Size size) {
  picture_.resize(size);
  downscaler_.prepare(frame, size);
  if (format_info(frame.format).rgb) {
    convert_pairs(frame, kernels_.convert_rgb, rgb_to_jfif(frame));
  } else {
    convert_pairs(frame, kernels_.convert_ycc, ycc_to_jfif(frame));
  }
}

template <typename Convert, typename Transform>
void StillMaker::convert_pairs(const FrameView& frame, Convert convert, const Transform& transform) noexcept {
  auto& [luma, cb, cr] = picture_.planes;
  for (int pair = 0; pair < cb.height(); ++pair) {
    const PictureRows to{{luma.row(2 * pair), luma.row(2 * pair + 1)}, cb.row(pair), cr.row(pair)};
    convert(transform, downscaler_.scale(frame, pair), cb.width(), to);
    if (frame.rotation != Rotation::k0) continue;  // measured when it is upright
    for (const uint8_t* row : to.luma) meter_.add(row);
  }
}

Picture& StillMaker::upright(Rotation rotation) {
  if (rotation == Rotation::k0) return picture_;
  rotate(kernels_, picture_, rotation, turned_);
  const Plane& luma = turned_.planes[0];
  for (int y = 0; y < luma.height(); ++y) meter_.add(luma.row(y));
  return turned_;
}

}  // namespace stillcast
