#include "stillcast/still_maker.h"

#include <gtest/gtest.h>
#include <jpeglib.h>

#include <array>
#include <cmath>
#include <cstdio>

#include "allocations.h"
#include "support.h"

namespace stillcast {
namespace {

using testing::kAllFormats;
using testing::OwnedFrame;

struct Decoded {
  int width = 0;
  int height = 0;
  std::vector<uint8_t> rgb;
  [[nodiscard]] std::array<int, 3> at(int x, int y) const {
    const auto i = 3 * static_cast<size_t>(y * width + x);
    return {rgb[i], rgb[i + 1], rgb[i + 2]};
  }
};

Decoded decode(const std::vector<uint8_t>& jpeg) {
  jpeg_decompress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, jpeg.data(), jpeg.size());
  jpeg_read_header(&info, TRUE);
  jpeg_start_decompress(&info);
  Decoded decoded{static_cast<int>(info.output_width), static_cast<int>(info.output_height), {}};
  decoded.rgb.resize(3 * size_t{info.output_width} * info.output_height);
  while (info.output_scanline < info.output_height) {
    JSAMPROW row = decoded.rgb.data() + 3 * size_t{info.output_width} * info.output_scanline;
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_finish_decompress(&info);
  jpeg_destroy_decompress(&info);
  return decoded;
}

EncodedStill make(const FrameView& frame, StillSettings settings = {}) {
  StillMaker maker;
  EncodedStill still;
  const Status status = maker.make(frame, settings, still);
  EXPECT_TRUE(status.is_ok()) << status.message();
  return still;
}

TEST(StillMaker, EveryFormatShowsTheSameRed) {
  for (const PixelFormat format : kAllFormats) {
    if (format == PixelFormat::kGray8) continue;
    OwnedFrame frame(format, 101, 67, 3);
    if (format_info(format).rgb) {
      frame.fill(255, 0, 0);
    } else {
      frame.fill(76, 85, 255);  // red in full-range BT.601
    }
    const Decoded picture = decode(make(frame.view()).jpeg);
    EXPECT_EQ(picture.width, 100);
    EXPECT_EQ(picture.height, 66);
    const auto [r, g, b] = picture.at(50, 33);
    EXPECT_NEAR(r, 255, 3) << format_info(format).name;
    EXPECT_NEAR(g, 0, 3);
    EXPECT_NEAR(b, 0, 3);
  }
}

TEST(StillMaker, GreyHasNoColour) {
  OwnedFrame frame(PixelFormat::kGray8, 64, 64);
  frame.fill([](int, int x, int) { return static_cast<uint8_t>(4 * x); });
  const Decoded picture = decode(make(frame.view()).jpeg);
  const auto [r, g, b] = picture.at(40, 10);
  EXPECT_EQ(r, g);
  EXPECT_EQ(g, b);
  EXPECT_NEAR(r, 160, 6);
}

TEST(StillMaker, RotatedFramesComeOutUpright) {
  OwnedFrame frame(PixelFormat::kGray8, 64, 32);
  frame.fill([](int, int x, int y) { return static_cast<uint8_t>(x < 16 && y < 16 ? 255 : 0); });  // top left corner
  const std::array<std::pair<int, int>, 4> corner{{{4, 4}, {27, 4}, {59, 27}, {4, 59}}};
  for (int turn = 0; turn < 4; ++turn) {
    frame.view().rotation = static_cast<Rotation>(turn);
    const Decoded picture = decode(make(frame.view()).jpeg);
    const auto [x, y] = corner[static_cast<size_t>(turn)];
    EXPECT_GT(picture.at(x, y)[0], 240) << turn;
    EXPECT_LT(picture.at(picture.width - 1 - x, picture.height - 1 - y)[0], 15) << turn;
  }
}

TEST(StillMaker, EverySmallSizeAndQualityEncodes) {
  StillMaker maker;
  EncodedStill still;
  for (int side = 1; side <= 40; ++side) {
    OwnedFrame frame(PixelFormat::kI420, side, 41 - side);
    frame.randomise(static_cast<uint32_t>(side));
    for (const int quality : {1, 50, 100}) {
      ASSERT_TRUE(maker.make(frame.view(), {{640, 360}, quality}, still).is_ok());
      const Decoded picture = decode(still.jpeg);
      ASSERT_EQ(picture.width, still.size.width);
      ASSERT_EQ(picture.height, still.size.height);
    }
  }
}

TEST(StillMaker, NoiseOutgrowsTheFirstOutputBufferAndDecodes) {
  OwnedFrame frame(PixelFormat::kI420, 1280, 720);
  const EncodedStill still = make(frame.randomise(1).view(), {{1280, 720}, 100});
  EXPECT_GT(still.jpeg.size(), 1'000'000U);
  EXPECT_EQ(decode(still.jpeg).width, 1280);
}

TEST(StillMaker, OneMakerServesChangingGeometry) {
  StillMaker maker;
  for (const Size size : {Size{64, 48}, Size{1920, 1080}, Size{30, 20}, Size{720, 1280}}) {
    OwnedFrame frame(PixelFormat::kNv12, size.width, size.height);
    frame.fill(120, 90, 200);
    EncodedStill first;
    ASSERT_TRUE(maker.make(frame.view(), {}, first).is_ok());
    EXPECT_EQ(first.jpeg, make(frame.view()).jpeg);
  }
}

class EveryEncoder : public ::testing::TestWithParam<EncoderChoice> {};

INSTANTIATE_TEST_SUITE_P(StillMaker, EveryEncoder, ::testing::Values(EncoderChoice::kTurbo, EncoderChoice::kNative));

TEST_P(EveryEncoder, AStillCostsNoAllocationOnceWarm) {
  StillMaker maker(best_kernels(), make_encoder(GetParam()));
  EncodedStill still;
  for (const PixelFormat format : kAllFormats) {
    OwnedFrame frame(format, 1280, 720);
    frame.randomise(2).view().rotation = Rotation::k90;
    const auto make = [&] { ASSERT_TRUE(maker.make(frame.view(), {}, still).is_ok()); };
    for (int i = 0; i < 3; ++i) make();
    const int before = testing::allocations();
    const int mallocs_before = testing::mallocs();
    for (int i = 0; i < 5; ++i) make();
    EXPECT_EQ(testing::allocations(), before) << format_info(format).name;
    EXPECT_EQ(testing::mallocs(), mallocs_before) << format_info(format).name;
  }
}

TEST(StillMaker, TheTestCountsWhatLibjpegAllocates) {
  if (!testing::counts_mallocs()) GTEST_SKIP() << "a sanitizer owns malloc";
  const int before = testing::mallocs();
  decode(make(OwnedFrame(PixelFormat::kGray8, 32, 32).view()).jpeg);
  EXPECT_GT(testing::mallocs(), before);
}

// A gradient whose columns differ: turned, its hash is another one.
TEST(StillMaker, StatisticsAreOfTheUprightPicture) {
  OwnedFrame frame(PixelFormat::kGray8, 96, 64);
  frame.fill([](int, int x, int y) { return static_cast<uint8_t>(x + y / 8); });
  const LumaStats lying = make(frame.view()).luma;
  EXPECT_EQ(lying.dhash, ~uint64_t{0});  // brighter to the right
  frame.view().rotation = Rotation::k180;
  const LumaStats upside_down = make(frame.view()).luma;
  EXPECT_EQ(upside_down.dhash, 0U);
  frame.view().rotation = Rotation::k90;  // the columns become rows
  const LumaStats standing = make(frame.view()).luma;
  EXPECT_NE(standing.dhash, lying.dhash);
  for (const LumaStats& turned : {upside_down, standing}) {
    EXPECT_DOUBLE_EQ(turned.mean, lying.mean);
    EXPECT_DOUBLE_EQ(turned.deviation, lying.deviation);
  }
}

TEST(StillMaker, StatisticsAreOfTheLumaThatTheJpegShows) {
  OwnedFrame frame(PixelFormat::kI420, 64, 64);
  frame.view().full_range = false;
  EXPECT_DOUBLE_EQ(make(frame.fill(16, 128, 128).view()).luma.mean, 0);
  EXPECT_DOUBLE_EQ(make(frame.fill(235, 128, 128).view()).luma.mean, 255);
}

}  // namespace
}  // namespace stillcast
