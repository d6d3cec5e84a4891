#include "stillcast/downscale.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "support.h"

namespace stillcast {
namespace {

using testing::kAllFormats;
using testing::OwnedFrame;

constexpr double kOne = 1 << kScaledBits;

// Overlap of two stretches of an axis.
double overlap(double a_begin, double a_end, double b_begin, double b_end) {
  return std::max(0.0, std::min(a_end, b_end) - std::max(a_begin, b_begin));
}

// A component of the small picture.
struct Scaled {
  int width = 0;
  int height = 0;
  std::vector<int16_t> samples;
  [[nodiscard]] int16_t& at(int x, int y) { return samples[static_cast<size_t>(y * width + x)]; }
};

void take_rows(const ScaledRows& rows, int pair, std::array<Scaled, 3>& to) {
  for (size_t i = 0; i < to.size(); ++i) {
    const int count = to[i].height == to[0].height ? 2 : 1;
    for (int row = 0; row < count; ++row) {
      std::copy_n(rows.row[i][static_cast<size_t>(row)], to[i].width, &to[i].at(0, count * pair + row));
    }
  }
}

std::array<Scaled, 3> scale(Downscaler& downscaler, const FrameView& frame, Size size) {
  std::array<Scaled, 3> scaled;
  const bool rgb = format_info(frame.format).rgb;
  for (size_t i = 0; i < 3; ++i) {
    const int part = i == 0 || rgb ? 1 : 2;
    scaled[i] = {size.width / part, size.height / part, {}};
    scaled[i].samples.resize(static_cast<size_t>(scaled[i].width * scaled[i].height));
  }
  downscaler.prepare(frame, size);
  for (int pair = 0; pair < size.height / 2; ++pair) take_rows(downscaler.scale(frame, pair), pair, scaled);
  return scaled;
}

std::array<Scaled, 3> scale(const FrameView& frame, Size size, const Kernels& kernels = best_kernels()) {
  Downscaler downscaler(kernels);
  return scale(downscaler, frame, size);
}

// The area mean by its definition, in doubles, sample by sample.
double area_mean(OwnedFrame& frame, int component, const Scaled& like, int x, int y) {
  const Component& c = format_info(frame.view().format).component[static_cast<size_t>(component)];
  const double cell_width = double(frame.view().width) / like.width;
  const double cell_height = double(frame.view().height) / like.height;
  double sum = 0;
  double area = 0;
  for (int v = 0; v < frame.component_height(component); ++v) {
    const double tall =
        overlap(v * c.sub_y, std::min((v + 1) * c.sub_y, frame.view().height), y * cell_height, (y + 1) * cell_height);
    if (tall <= 0) continue;
    for (int u = 0; u < frame.component_width(component); ++u) {
      const double wide =
          overlap(u * c.sub_x, std::min((u + 1) * c.sub_x, frame.view().width), x * cell_width, (x + 1) * cell_width);
      sum += tall * wide * frame.sample(component, u, v);
      area += tall * wide;
    }
  }
  return sum / area;
}

// A level is 2^kScaledBits; every sample is within this share of one.
constexpr double kTolerance = 0.05;

void expect_area_means(OwnedFrame& frame, Size size) {
  std::array<Scaled, 3> planes = scale(frame.view(), size, reference_kernels());
  for (int c = 0; c < format_info(frame.view().format).components; ++c) {
    Scaled& plane = planes[static_cast<size_t>(c)];
    for (int y = 0; y < plane.height; ++y) {
      for (int x = 0; x < plane.width; ++x) {
        const double error = std::abs(plane.at(x, y) / kOne - area_mean(frame, c, plane, x, y));
        ASSERT_LE(error, kTolerance) << format_info(frame.view().format).name << " component " << c << " at " << x
                                     << "," << y;
      }
    }
  }
}

struct Ratio {
  Size from;
  Size to;
};

class DownscaleRatio : public ::testing::TestWithParam<Ratio> {};

TEST_P(DownscaleRatio, IsTheAreaMeanForEveryFormat) {
  const auto [from, to] = GetParam();
  for (const PixelFormat format : kAllFormats) {
    OwnedFrame frame(format, from.width, from.height, 7);
    expect_area_means(frame.randomise(static_cast<uint32_t>(from.width)), to);
  }
}

INSTANTIATE_TEST_SUITE_P(Ratios, DownscaleRatio,
                         ::testing::Values(Ratio{{16, 16}, {16, 16}}, Ratio{{32, 18}, {16, 6}},
                                           Ratio{{48, 36}, {16, 12}}, Ratio{{27, 18}, {12, 8}},
                                           Ratio{{33, 21}, {16, 10}}, Ratio{{17, 13}, {14, 4}},
                                           Ratio{{128, 64}, {2, 2}}, Ratio{{41, 3}, {32, 2}}, Ratio{{1, 1}, {2, 2}},
                                           Ratio{{190, 97}, {84, 42}}, Ratio{{96, 64}, {64, 48}}));

TEST(Downscale, IsRightAtEveryWidth) {
  for (int width = 1; width <= 130; ++width) {
    OwnedFrame frame(PixelFormat::kNv12, width, 5, width % 3);
    expect_area_means(frame.randomise(static_cast<uint32_t>(width)), {std::max(2, width / 3 * 2), 2});
  }
}

TEST(Downscale, IsRightForEveryRatioUpTo64) {
  for (int ratio = 1; ratio <= 64; ++ratio) {
    OwnedFrame frame(PixelFormat::kGray8, 6 * ratio + ratio / 3, 4 * ratio + ratio / 5);
    expect_area_means(frame.randomise(static_cast<uint32_t>(ratio)), {6, 4});
  }
}

TEST(Downscale, OneDownscalerFollowsAChangingSourceOfTheSameStill) {
  Downscaler downscaler;
  for (const Size from : {Size{32, 24}, Size{48, 24}, Size{48, 36}, Size{32, 36}, Size{640, 480}, Size{32, 24}}) {
    for (const PixelFormat format : kAllFormats) {
      OwnedFrame frame(format, from.width, from.height);
      frame.randomise(5);
      std::array<Scaled, 3> kept = scale(downscaler, frame.view(), {16, 12});
      std::array<Scaled, 3> fresh = scale(frame.view(), {16, 12});
      for (size_t i = 0; i < 3; ++i) ASSERT_EQ(kept[i].samples, fresh[i].samples) << format_info(format).name;
    }
  }
}

TEST(Downscale, FlatPicturesStayFlatToTheLevel) {
  for (const Size from : {Size{61, 47}, Size{27, 133}, Size{26, 20}, Size{182, 140}, Size{29, 23}, Size{1300, 1801}}) {
    OwnedFrame frame(PixelFormat::kGray8, from.width, from.height);
    for (const int level : {0, 1, 16, 127, 128, 235, 254, 255}) {
      frame.fill([level](int, int, int) { return static_cast<uint8_t>(level); });
      const std::array<Scaled, 3> scaled = scale(frame.view(), {26, 20});
      for (const int16_t sample : scaled[0].samples) ASSERT_EQ(sample, level * kOne);
    }
  }
}

TEST(Downscale, GreyHasNeutralChroma) {
  OwnedFrame frame(PixelFormat::kGray8, 40, 30);
  const std::array<Scaled, 3> scaled = scale(frame.view(), {20, 14});
  for (const size_t i : {size_t{1}, size_t{2}}) {
    for (const int16_t sample : scaled[i].samples) ASSERT_EQ(sample, 128 * kOne);
  }
}

TEST(Downscale, ABottomUpFrameIsReadFromItsEnd) {
  OwnedFrame frame(PixelFormat::kGray8, 4, 4);
  frame.fill([](int, int, int y) { return static_cast<uint8_t>(10 * y); });
  PlaneView& plane = frame.view().planes[0];
  plane.data = plane.row(3);
  plane.stride_bytes = -plane.stride_bytes;
  Scaled luma = scale(frame.view(), {4, 4})[0];
  EXPECT_EQ(luma.at(0, 0), 30 * kOne);
  EXPECT_EQ(luma.at(0, 3), 0);
}

TEST(Downscale, TheCentreOfThePictureStaysWhereItIs) {
  for (const Size to : {Size{6, 6}, Size{8, 8}, Size{18, 18}, Size{22, 22}, Size{40, 40}}) {
    OwnedFrame frame(PixelFormat::kGray8, 66, 66);
    frame.fill([](int, int x, int y) { return static_cast<uint8_t>(x + 2 * y); });  // a ramp: its mean is its centre
    Scaled luma = scale(frame.view(), to)[0];
    for (int y = 0; y < to.height; ++y) {
      for (int x = 0; x < to.width; ++x) {
        const double centre = (x + 0.5) * 66 / to.width - 0.5 + 2 * ((y + 0.5) * 66 / to.height - 0.5);
        // Within a source pixel a ramp is a step: a cell may see a quarter of a pixel's slope of it, each way.
        ASSERT_NEAR(luma.at(x, y) / kOne, centre, 0.75 / 4 + kTolerance);
      }
    }
  }
}

// Most video has its chroma at the centre of the left one of two pixels, 0.5 pixels left of where it is taken to be.
// What that costs at an edge of full height, at every place the edge can have: ARCHITECTURE.md, "Chroma siting".
TEST(Downscale, ChromaThatIsSitedLeftIsOffByHalfASourcePixelAtMost) {
  constexpr double kLow = 16;
  constexpr double kHigh = 240;
  for (const int ratio : {1, 3}) {
    double worst = 0;
    for (int edge = 24; edge < 36; ++edge) {  // in luma pixels: right of it all is high
      OwnedFrame frame(PixelFormat::kI420, 60, 12);
      // A sample that is sited left has the mean of the two pixels around its own place.
      frame.fill([edge](int component, int x, int) {
        const double high = std::clamp(2 * x + 0.5 + 1 - edge, 0.0, 2.0) / 2;
        return static_cast<uint8_t>(component == 0 ? 128 : std::lround(kLow + (kHigh - kLow) * high));
      });
      Scaled chroma = scale(frame.view(), {60 / ratio, 12 / ratio / 2 * 2})[1];
      for (int x = 0; x < chroma.width; ++x) {
        const double begin = 2.0 * ratio * x;
        const double high = overlap(begin, begin + 2 * ratio, edge, 60) / (2 * ratio);
        worst = std::max(worst, std::abs(chroma.at(x, 0) / kOne - (kLow + (kHigh - kLow) * high)));
      }
    }
    EXPECT_NEAR(worst, (kHigh - kLow) * 0.5 / (2 * ratio), 0.6) << ratio;
  }
}

}  // namespace
}  // namespace stillcast
