#pragma once

#include <array>
#include <cstdint>

#include "stillcast/frame.h"
#include "stillcast/picture.h"

namespace stillcast {

// Three components to three components in 16-bit fixed point: out = matrix * in + offset, rounded and clamped.
struct ColourTransform {
  std::array<std::array<int32_t, 3>, 3> matrix{};
  std::array<int32_t, 3> offset{};
  bool identity = false;
};

// From the frame's colours (YCbCr of any matrix and range, grey, RGB of any range) to what a JFIF file means: YCbCr by
// BT.601, full range (ITU-T T.871 section 7). Coefficients of the three matrices: ITU-R BT.601-7, BT.709-6, BT.2020-2.
// Primaries and transfer function stay as they are: viewers show both as sRGB.
[[nodiscard]] ColourTransform to_jfif(const FrameView& frame) noexcept;

// In place on a small 4:2:0 picture.
void convert_ycc(const ColourTransform& transform, Picture& picture) noexcept;

// From full R, G, B planes to a 4:2:0 picture of the same size; chroma is the mean of its four pixels.
void convert_rgb(const ColourTransform& transform, const std::array<Plane, 3>& rgb, Picture& to) noexcept;

}  // namespace stillcast
