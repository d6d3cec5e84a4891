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

// The area mean by its definition, in doubles, sample by sample.
double area_mean(OwnedFrame& frame, int component, const ScaledPlane& like, int x, int y) {
  const Component& c = format_info(frame.view().format).component[static_cast<size_t>(component)];
  const double cell_width = double(frame.view().width) / like.width();
  const double cell_height = double(frame.view().height) / like.height();
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

std::array<ScaledPlane, 3> targets(PixelFormat format, Size size) {
  std::array<ScaledPlane, 3> planes;
  const bool rgb = format_info(format).rgb;
  planes[0].resize(size.width, size.height);
  for (size_t i = 1; i < 3; ++i)
    planes[i].resize(rgb ? size.width : size.width / 2, rgb ? size.height : size.height / 2);
  return planes;
}

void expect_area_means(OwnedFrame& frame, Size size) {
  std::array<ScaledPlane, 3> planes = targets(frame.view().format, size);
  Downscaler downscaler;
  downscaler.scale(frame.view(), planes);
  for (int c = 0; c < format_info(frame.view().format).components; ++c) {
    const ScaledPlane& plane = planes[static_cast<size_t>(c)];
    for (int y = 0; y < plane.height(); ++y) {
      for (int x = 0; x < plane.width(); ++x) {
        const double error = std::abs(plane.row(y)[x] / kOne - area_mean(frame, c, plane, x, y));
        ASSERT_LE(error, 0.25) << format_info(frame.view().format).name << " component " << c << " at " << x << ","
                               << y;
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

TEST(Downscale, OneDownscalerFollowsAChangingSourceOfTheSameStill) {
  Downscaler downscaler;
  for (const Size from : {Size{32, 24}, Size{48, 24}, Size{48, 36}, Size{32, 36}}) {
    OwnedFrame frame(PixelFormat::kGray8, from.width, from.height);
    frame.randomise(5);
    std::array<ScaledPlane, 3> kept = targets(PixelFormat::kGray8, {16, 12});
    std::array<ScaledPlane, 3> fresh = targets(PixelFormat::kGray8, {16, 12});
    downscaler.scale(frame.view(), kept);
    Downscaler().scale(frame.view(), fresh);
    for (int y = 0; y < 12; ++y) {
      for (int x = 0; x < 16; ++x) ASSERT_EQ(kept[0].row(y)[x], fresh[0].row(y)[x]);
    }
  }
}

TEST(Downscale, FlatPicturesStayFlatToTheLevel) {
  for (const PixelFormat format : kAllFormats) {
    OwnedFrame frame(format, 61, 47);
    std::array<ScaledPlane, 3> planes = targets(format, {26, 20});
    for (const int level : {0, 1, 16, 127, 128, 235, 254, 255}) {
      Downscaler().scale(frame.fill([level](int, int, int) { return static_cast<uint8_t>(level); }).view(), planes);
      for (int y = 0; y < 20; ++y) {
        for (int x = 0; x < 26; ++x) ASSERT_EQ(planes[0].row(y)[x], level * kOne);
      }
    }
  }
}

TEST(Downscale, ABottomUpFrameIsReadFromItsEnd) {
  OwnedFrame frame(PixelFormat::kGray8, 4, 4);
  frame.fill([](int, int, int y) { return static_cast<uint8_t>(10 * y); });
  PlaneView& plane = frame.view().planes[0];
  plane.data = plane.row(3);
  plane.stride_bytes = -plane.stride_bytes;
  std::array<ScaledPlane, 3> planes = targets(PixelFormat::kGray8, {4, 4});
  Downscaler().scale(frame.view(), planes);
  EXPECT_EQ(planes[0].row(0)[0], 30 * kOne);
  EXPECT_EQ(planes[0].row(3)[0], 0);
}

TEST(Downscale, MeansOfCellsAreScaledExactly) {
  Plane plane;
  plane.resize(18, 16);
  for (int y = 0; y < 16; ++y) {
    for (int x = 0; x < 18; ++x) plane.row(y)[x] = static_cast<uint8_t>(x / 2);
  }
  const std::vector<uint64_t> means = area_means(plane, 9, 8);
  ASSERT_EQ(means.size(), 72U);
  for (size_t i = 0; i < means.size(); ++i) EXPECT_EQ(means[i], (i % 9) << (2 * kWeightBits));
}

}  // namespace
}  // namespace stillcast
