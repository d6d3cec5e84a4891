#include "stillcast/colour.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "stillcast/kernels/kernels.h"
#include "support.h"

namespace stillcast {
namespace {

using testing::OwnedFrame;

using Rgb = std::array<double, 3>;

constexpr std::array<Rgb, 8> kBars{
    {{1, 1, 1}, {1, 1, 0}, {0, 1, 1}, {0, 1, 0}, {1, 0, 1}, {1, 0, 0}, {0, 0, 1}, {0.25, 0.5, 0.75}}};

// Independent of the code under test: luma shares straight from the recommendations.
Rgb encode(const Rgb& rgb, double kr, double kb, bool full_range) {
  const double luma = kr * rgb[0] + (1 - kr - kb) * rgb[1] + kb * rgb[2];
  const double pb = (rgb[2] - luma) / (2 * (1 - kb));
  const double pr = (rgb[0] - luma) / (2 * (1 - kr));
  if (full_range) return {255 * luma, 128 + 255 * pb, 128 + 255 * pr};
  return {16 + 219 * luma, 128 + 224 * pb, 128 + 224 * pr};
}

uint8_t level(double value) { return static_cast<uint8_t>(std::lround(std::clamp(value, 0.0, 255.0))); }

struct Space {
  ColourMatrix matrix;
  double kr;
  double kb;
};

constexpr std::array<Space, 3> kSpaces{{{ColourMatrix::kBt601, 0.299, 0.114},
                                        {ColourMatrix::kBt709, 0.2126, 0.0722},
                                        {ColourMatrix::kBt2020, 0.2627, 0.0593}}};

// Two by two pixels before conversion, padded as kernels want it.
struct Block {
  std::array<std::array<std::array<int16_t, kRowPadding>, 2>, 3> samples{};

  void fill(size_t component, int level_times_2_7) {
    for (auto& row : samples[component]) row.fill(static_cast<int16_t>(level_times_2_7));
  }
  [[nodiscard]] ScaledRows rows() const {
    ScaledRows rows;
    for (size_t i = 0; i < 3; ++i) rows.row[i] = {samples[i][0].data(), samples[i][1].data()};
    return rows;
  }
};

Block flat(const Rgb& values) {
  Block block;
  for (size_t i = 0; i < 3; ++i) block.fill(i, level(values[i]) << kScaledBits);
  return block;
}

Picture convert(const FrameView& frame, const Block& block) {
  Picture picture;
  picture.resize({2, 2});
  auto& [luma, cb, cr] = picture.planes;
  const PictureRows to{{luma.row(0), luma.row(1)}, cb.row(0), cr.row(0)};
  if (format_info(frame.format).rgb) {
    reference_kernels().convert_rgb(rgb_to_jfif(frame), block.rows(), 1, to);
  } else {
    reference_kernels().convert_ycc(ycc_to_jfif(frame), block.rows(), 1, to);
  }
  return picture;
}

Picture convert_levels(const FrameView& frame, const Rgb& values) { return convert(frame, flat(values)); }

void expect_near(const Picture& picture, const Rgb& want, double tolerance) {
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(picture.planes[i].row(0)[0], want[i], tolerance) << "component " << i;
}

TEST(Colour, BarsOfEveryMatrixAndRangeBecomeJfif) {
  for (const Space& space : kSpaces) {
    for (const bool full_range : {false, true}) {
      FrameView frame;
      frame.matrix = space.matrix;
      frame.full_range = full_range;
      for (const Rgb& bar : kBars) {
        const Picture picture = convert_levels(frame, encode(bar, space.kr, space.kb, full_range));
        expect_near(picture, encode(bar, 0.299, 0.114, true), 1.6);  // half a level in, one out, more for chroma
      }
    }
  }
}

TEST(Colour, RgbBecomesJfif) {
  FrameView frame;
  frame.format = PixelFormat::kRgb24;
  for (const bool full_range : {false, true}) {
    frame.full_range = full_range;
    for (const Rgb& bar : kBars) {
      Rgb levels = bar;
      for (double& value : levels) value = full_range ? 255 * value : 16 + 219 * value;
      expect_near(convert_levels(frame, levels), encode(bar, 0.299, 0.114, true), 1.1);
    }
  }
}

TEST(Colour, GreyStaysGreyInEveryMatrix) {
  for (const Space& space : kSpaces) {
    FrameView frame;
    frame.matrix = space.matrix;
    for (int luma = 16; luma <= 235; ++luma) {
      const Picture picture = convert_levels(frame, {double(luma), 128, 128});
      EXPECT_EQ(picture.planes[1].row(0)[0], 128);
      EXPECT_EQ(picture.planes[2].row(0)[0], 128);
      EXPECT_EQ(picture.planes[0].row(0)[0], level((luma - 16) * 255.0 / 219.0));
    }
  }
}

TEST(Colour, FootroomAndHeadroomAreClipped) {
  FrameView frame;
  for (const auto& [in, out] : {std::pair{0, 0}, std::pair{15, 0}, std::pair{236, 255}, std::pair{255, 255}}) {
    const Picture picture = convert_levels(frame, {double(in), 128, 128});
    EXPECT_EQ(picture.planes[0].row(0)[0], out);
  }
}

TEST(Colour, FullRangeBt601IsLeftAlone) {
  FrameView frame;
  frame.full_range = true;
  for (int value = 0; value < 256; ++value) {
    const Rgb levels{double(value), double(255 - value), double(value)};
    expect_near(convert_levels(frame, levels), levels, 0);
  }
}

TEST(Colour, WhatLiesBetweenTwoLevelsIsRoundedOnceAndAfterTheMatrix) {
  FrameView frame;  // limited range: 100.5 is 98.39 of 255, 100 would be 97.8 and 101 98.97
  Block block = flat({0, 128, 128});
  block.fill(0, (201 << kScaledBits) / 2);
  EXPECT_EQ(convert(frame, block).planes[0].row(0)[0], 98);
  block.fill(0, (203 << kScaledBits) / 2);  // 101.5 is 99.56
  EXPECT_EQ(convert(frame, block).planes[0].row(0)[0], 100);
}

TEST(Colour, RgbChromaIsTheMeanOfFourPixels) {
  FrameView frame;
  frame.format = PixelFormat::kRgb24;
  frame.full_range = true;
  Block block = flat({0, 0, 0});
  block.samples[0][0][0] = 255 << kScaledBits;  // one red pixel of four
  const Picture picture = convert(frame, block);
  EXPECT_EQ(picture.planes[0].row(0)[0], 76);
  EXPECT_EQ(picture.planes[0].row(1)[1], 0);
  EXPECT_EQ(picture.planes[2].row(0)[0], 160);  // 128 + 127.5 / 4
}

}  // namespace
}  // namespace stillcast
