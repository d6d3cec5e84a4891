#include "stillcast/still_maker.h"

#include <span>
#include <utility>

namespace stillcast {

namespace {

constexpr uint16_t kNeutralChroma = 128 << kScaledBits;

}  // namespace

Status StillMaker::make(const FrameView& frame, const StillSettings& settings, EncodedStill& still) {
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
  const Size chroma = info.rgb ? size : Size{size.width / 2, size.height / 2};
  scaled_[0].resize(size.width, size.height);
  for (size_t i = 1; i < scaled_.size(); ++i) {
    scaled_[i].resize(chroma.width, chroma.height);
    if (info.components == 1) scaled_[i].fill(kNeutralChroma);
  }
  downscaler_.scale(frame, scaled_);
  picture_.resize(size);
  const auto convert = info.rgb ? convert_rgb : convert_ycc;
  convert(to_jfif(frame), scaled_, picture_);
}

Picture& StillMaker::upright(Rotation rotation) {
  if (rotation == Rotation::k0) return picture_;
  rotate(picture_, rotation, turned_);
  return turned_;
}

}  // namespace stillcast
