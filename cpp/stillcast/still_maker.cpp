#include "stillcast/still_maker.h"

#include <exception>
#include <span>
#include <string>
#include <utility>

namespace stillcast {

namespace {

constexpr uint8_t kNeutralChroma = 128;

}  // namespace

Status StillMaker::make(const FrameView& frame, const StillSettings& settings, EncodedStill& still) noexcept {
  try {
    return make_or_throw(frame, settings, still);
  } catch (const std::exception& error) {
    return Status::error(std::string("still: ") + error.what());
  }
}

Status StillMaker::make_or_throw(const FrameView& frame, const StillSettings& settings, EncodedStill& still) {
  still.size = still_size(frame, settings.max_size);
  const bool turned = frame.rotation == Rotation::k90 || frame.rotation == Rotation::k270;
  scale_and_convert(frame, turned ? Size{still.size.height, still.size.width} : still.size);
  Picture& picture = upright(frame.rotation);
  still.luma = luma_stats(picture.planes[0]);
  for (Plane& plane : picture.planes) plane.pad_edges();
  std::span<const uint8_t> jpeg;
  Status status = encoder_.encode(picture, settings.quality, jpeg);
  still.jpeg.assign(jpeg.begin(), jpeg.end());
  return status;
}

void StillMaker::scale_and_convert(const FrameView& frame, Size size) {
  const FormatInfo& info = format_info(frame.format);
  const ColourTransform transform = to_jfif(frame);
  scaled_.resize(size);
  if (info.rgb) {
    for (Plane& plane : rgb_) plane.resize(size.width, size.height);
    downscaler_.scale(frame, rgb_);
    convert_rgb(transform, rgb_, scaled_);
    return;
  }
  downscaler_.scale(frame, scaled_.planes);
  if (info.components == 1) {
    scaled_.planes[1].fill(kNeutralChroma);
    scaled_.planes[2].fill(kNeutralChroma);
  }
  convert_ycc(transform, scaled_);
}

Picture& StillMaker::upright(Rotation rotation) {
  if (rotation == Rotation::k0) return scaled_;
  rotate(scaled_, rotation, turned_);
  return turned_;
}

}  // namespace stillcast
