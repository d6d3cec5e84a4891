#include "stillcast/picture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <utility>

#include "stillcast/luma_stats.h"

namespace stillcast {
namespace {

Plane ramp(int width, int height) {
  Plane plane;
  plane.resize(width, height);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) plane.row(y)[x] = static_cast<uint8_t>(16 * y + x);
  }
  return plane;
}

TEST(Picture, EdgesAreRepeatedIntoThePadding) {
  Plane plane = ramp(6, 3);
  plane.pad_edges();
  EXPECT_EQ(plane.row(1)[15], 16 + 5);
  EXPECT_EQ(plane.row(15)[2], 32 + 2);
  EXPECT_EQ(plane.row(15)[15], 32 + 5);
}

TEST(Picture, TurnsClockwise) {
  Picture from;
  from.resize({4, 2});
  from.planes[0] = ramp(4, 2);
  Picture to;
  const auto rotate = [](const Picture& picture, Rotation rotation, Picture& turned) {
    stillcast::rotate(reference_kernels(), picture, rotation, turned);
  };
  rotate(from, Rotation::k90, to);
  ASSERT_EQ(to.width(), 2);
  ASSERT_EQ(to.height(), 4);
  EXPECT_EQ(to.planes[0].row(0)[0], 16);  // bottom left comes to the top left
  EXPECT_EQ(to.planes[0].row(0)[1], 0);
  EXPECT_EQ(to.planes[0].row(3)[0], 19);
  rotate(from, Rotation::k180, to);
  EXPECT_EQ(to.planes[0].row(0)[0], 19);
  EXPECT_EQ(to.planes[0].row(1)[3], 0);
  rotate(from, Rotation::k270, to);
  EXPECT_EQ(to.planes[0].row(0)[0], 3);  // top right comes to the top left
  EXPECT_EQ(to.planes[0].row(3)[1], 16);
}

LumaStats measured(const Plane& plane) {
  LumaMeter meter;
  meter.start({plane.width(), plane.height()});
  for (int y = 0; y < plane.height(); ++y) meter.add(plane.row(y));
  return meter.finish();
}

TEST(LumaStats, MeanAndDeviationAreThoseOfThePixels) {
  Plane plane;
  plane.resize(4, 2);
  plane.fill(10);
  for (int x = 0; x < 4; ++x) plane.row(1)[x] = 30;
  const LumaStats stats = measured(plane);
  EXPECT_DOUBLE_EQ(stats.mean, 20);
  EXPECT_DOUBLE_EQ(stats.deviation, 10);
}

TEST(LumaStats, TheHashFollowsTheDifferencesAndIsZeroWhenFlat) {
  Plane plane;
  plane.resize(90, 80);
  plane.fill(77);
  EXPECT_EQ(measured(plane).dhash, 0U);
  for (int y = 0; y < 80; ++y) {
    for (int x = 0; x < 90; ++x) plane.row(y)[x] = static_cast<uint8_t>(2 * x);
  }
  EXPECT_EQ(measured(plane).dhash, ~uint64_t{0});
  // Brighter only from column 0 to 1 of the first row of cells: the most significant bit.
  plane.fill(50);
  for (int y = 0; y < 10; ++y) {
    for (int x = 10; x < 90; ++x) plane.row(y)[x] = 60;
  }
  EXPECT_EQ(measured(plane).dhash, uint64_t{1} << 63);
}

// The mean of what a cell of the hash covers, samples that it cuts in part.
double cell_mean(const Plane& plane, int column, int row) {
  const double left = column * plane.width() / 9.0;
  const double top = row * plane.height() / 8.0;
  const auto covered = [](double first, double length, int sample) {
    return std::max(0.0, std::min(first + length, sample + 1.0) - std::max(first, static_cast<double>(sample)));
  };
  double sum = 0;
  double area = 0;
  for (int y = 0; y < plane.height(); ++y) {
    for (int x = 0; x < plane.width(); ++x) {
      const double part = covered(left, plane.width() / 9.0, x) * covered(top, plane.height() / 8.0, y);
      sum += part * plane.row(y)[x];
      area += part;
    }
  }
  return sum / area;
}

TEST(LumaStats, TheHashIsOfAreaMeansAtEverySize) {
  std::mt19937 random(8);
  for (const auto& [width, height] : {std::pair{2, 2}, {4, 30}, {10, 6}, {64, 36}, {62, 46}, {128, 70}, {34, 2}}) {
    Plane plane;
    plane.resize(width, height);
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) plane.row(y)[x] = static_cast<uint8_t>(random());
    }
    const uint64_t hash = measured(plane).dhash;
    for (int bit = 0; bit < 64; ++bit) {
      const double step = cell_mean(plane, bit % 8 + 1, bit / 8) - cell_mean(plane, bit % 8, bit / 8);
      if (std::abs(step) < 1.0 / 64) continue;  // rounding decides
      ASSERT_EQ(hash >> (63 - bit) & 1, step > 0 ? 1U : 0U) << width << "x" << height << " bit " << bit;
    }
  }
}

}  // namespace
}  // namespace stillcast
