#include "stillcast/colour.h"

#include <gtest/gtest.h>

#include <cmath>

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

Picture flat(const Rgb& values) {
  Picture picture;
  picture.resize({2, 2});
  for (size_t i = 0; i < 3; ++i) picture.planes[i].fill(level(values[i]));
  return picture;
}

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
        Picture picture = flat(encode(bar, space.kr, space.kb, full_range));
        convert_ycc(to_jfif(frame), picture);
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
      std::array<Plane, 3> rgb;
      for (size_t i = 0; i < 3; ++i) {
        rgb[i].resize(2, 2);
        rgb[i].fill(level(full_range ? 255 * bar[i] : 16 + 219 * bar[i]));
      }
      Picture picture;
      picture.resize({2, 2});
      convert_rgb(to_jfif(frame), rgb, picture);
      expect_near(picture, encode(bar, 0.299, 0.114, true), 1.1);
    }
  }
}

TEST(Colour, GreyStaysGreyInEveryMatrix) {
  for (const Space& space : kSpaces) {
    FrameView frame;
    frame.matrix = space.matrix;
    for (int luma = 16; luma <= 235; ++luma) {
      Picture picture = flat({double(luma), 128, 128});
      convert_ycc(to_jfif(frame), picture);
      EXPECT_EQ(picture.planes[1].row(0)[0], 128);
      EXPECT_EQ(picture.planes[2].row(0)[0], 128);
      EXPECT_EQ(picture.planes[0].row(0)[0], level((luma - 16) * 255.0 / 219.0));
    }
  }
}

TEST(Colour, FootroomAndHeadroomAreClipped) {
  FrameView frame;
  for (const auto& [in, out] : {std::pair{0, 0}, std::pair{15, 0}, std::pair{236, 255}, std::pair{255, 255}}) {
    Picture picture = flat({double(in), 128, 128});
    convert_ycc(to_jfif(frame), picture);
    EXPECT_EQ(picture.planes[0].row(0)[0], out);
  }
}

TEST(Colour, FullRangeBt601IsLeftAlone) {
  FrameView frame;
  frame.full_range = true;
  EXPECT_TRUE(to_jfif(frame).identity);
  frame.matrix = ColourMatrix::kBt709;
  EXPECT_FALSE(to_jfif(frame).identity);
}

TEST(Colour, RgbChromaIsTheMeanOfFourPixels) {
  FrameView frame;
  frame.format = PixelFormat::kRgb24;
  frame.full_range = true;
  std::array<Plane, 3> rgb;
  for (Plane& plane : rgb) {
    plane.resize(2, 2);
    plane.fill(0);
  }
  rgb[0].row(0)[0] = 255;  // one red pixel of four
  Picture picture;
  picture.resize({2, 2});
  convert_rgb(to_jfif(frame), rgb, picture);
  EXPECT_EQ(picture.planes[0].row(0)[0], 76);
  EXPECT_EQ(picture.planes[0].row(1)[1], 0);
  EXPECT_EQ(picture.planes[2].row(0)[0], 160);  // 128 + 127.5 / 4
}

}  // namespace
}  // namespace stillcast
