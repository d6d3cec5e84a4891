#pragma once

#include <array>
#include <cstdint>

#include "stillcast/frame.h"

namespace stillcast {

// Note [Rounded once]
// Between scaling and colour conversion samples keep 7 bits below the level. Rounding in between, half up, would lift a
// picture scaled 2:1 by a third of a level, since a quarter of its means are ties, and cost 0.2 dB.
constexpr int kScaledBits = 7;

// From the frame's colours (YCbCr of any matrix and range, grey, RGB of any range) to what a JFIF file means: YCbCr by
// BT.601, full range (ITU-T T.871 section 7). Coefficients of the three matrices: ITU-R BT.601-7, BT.709-6, BT.2020-2.
// Primaries and transfer function stay as they are: viewers show both as sRGB.

// Scaled R, G and B to levels: (matrix * in + offset + half) >> kFractionBits, clamped.
struct RgbTransform {
  static constexpr int kMatrixBits = 14;
  static constexpr int kFractionBits = kMatrixBits + kScaledBits;  // of a product, and of the offset

  std::array<std::array<int16_t, 3>, 3> matrix{};
  std::array<int32_t, 3> offset{};
};

// Scaled Y, Cb and Cr to levels, in arithmetic of 16 bits: luma between -64 and 324 levels is kept below 2^15 by taking
// off kBias levels until it is clamped; chroma counts from neutral. Each product is rounded to kScaledBits.
//
// Note [Luma is corrected with its block's chroma]
// Between two matrices luma depends a little on chroma (by less than a fifth). The four pixels of a block share one
// chroma sample here instead of an interpolated one: they are about to be shown with that sample anyway.
struct YccTransform {
  static constexpr int kBias = 128;
  static constexpr int kHalf = 1 << (kScaledBits - 1);

  uint16_t luma_gain = 0;   // 15 bits below one; its product is rounded down
  int16_t luma_offset = 0;  // kScaledBits below the level, with kHalf, without kBias
  int16_t luma_of_cb = 0;   // 14 bits below one, as what follows
  int16_t luma_of_cr = 0;
  int16_t cb_of_cb = 0;
  int16_t cb_of_cr = 0;
  int16_t cr_of_cb = 0;
  int16_t cr_of_cr = 0;
};

[[nodiscard]] RgbTransform rgb_to_jfif(const FrameView& frame) noexcept;
// Of YCbCr and grey.
[[nodiscard]] YccTransform ycc_to_jfif(const FrameView& frame) noexcept;

}  // namespace stillcast
