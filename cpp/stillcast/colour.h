#pragma once

#include <array>
#include <cstdint>

#include "stillcast/frame.h"
#include "stillcast/picture.h"

namespace stillcast {

// Scaled components to levels, in fixed point: out = matrix * in + offset, rounded and clamped.
struct ColourTransform {
  std::array<std::array<int32_t, 3>, 3> matrix{};
  std::array<int32_t, 3> offset{};
};

// From the frame's colours (YCbCr of any matrix and range, grey, RGB of any range) to what a JFIF file means: YCbCr by
// BT.601, full range (ITU-T T.871 section 7). Coefficients of the three matrices: ITU-R BT.601-7, BT.709-6, BT.2020-2.
// Primaries and transfer function stay as they are: viewers show both as sRGB.
[[nodiscard]] ColourTransform to_jfif(const FrameView& frame) noexcept;

// From scaled Y, Cb and Cr, which have the sizes of the picture's planes.
void convert_ycc(const ColourTransform& transform, const std::array<ScaledPlane, 3>& from, Picture& to) noexcept;

// From scaled R, G and B of the picture's size; chroma is the mean of its four pixels.
void convert_rgb(const ColourTransform& transform, const std::array<ScaledPlane, 3>& from, Picture& to) noexcept;

}  // namespace stillcast
