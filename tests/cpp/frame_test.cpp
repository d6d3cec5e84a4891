#include "stillcast/frame.h"

#include <gtest/gtest.h>

#include <tuple>

#include "support.h"

namespace stillcast {
namespace {

using testing::kAllFormats;
using testing::OwnedFrame;

TEST(Frame, EveryFormatIsFoundByItsName) {
  for (const PixelFormat format : kAllFormats) EXPECT_EQ(format_by_name(format_info(format).name), format);
  EXPECT_EQ(format_by_name("i420"), std::nullopt);
}

TEST(Frame, RowsAndBytesRoundOddSizesUp) {
  const FormatInfo& nv12 = format_info(PixelFormat::kNv12);
  EXPECT_EQ(nv12.row_bytes(1, 5), 6);
  EXPECT_EQ(nv12.rows(1, 5), 3);
  EXPECT_EQ(format_info(PixelFormat::kYuy2).row_bytes(0, 5), 12);
  EXPECT_EQ(format_info(PixelFormat::kBgra).row_bytes(0, 5), 20);
}

TEST(Frame, CheckNamesTheSideThatIsOutOfRange) {
  OwnedFrame frame(PixelFormat::kGray8, 4, 4);
  frame.view().width = kMaxSide + 1;
  EXPECT_EQ(check_frame(frame.view()).message(), "width: 16385: use 1 to 16384");
  frame.view().width = 4;
  frame.view().height = 0;
  EXPECT_EQ(check_frame(frame.view()).message(), "height: 0: use 1 to 16384");
}

TEST(Frame, CheckRefusesRowsThatOverlap) {
  OwnedFrame frame(PixelFormat::kI420, 8, 8);
  frame.view().planes[1].stride_bytes = 3;
  EXPECT_EQ(check_frame(frame.view()).message(), "planes[1]: stride 3: rows of 4 bytes need a stride of at least that");
  frame.view().planes[1].stride_bytes = -4;  // bottom-up
  EXPECT_TRUE(check_frame(frame.view()).is_ok());
}

TEST(Frame, OneRowAloneMayHaveAnyStride) {
  OwnedFrame frame(PixelFormat::kGray8, 8, 1);
  frame.view().planes[0].stride_bytes = 0;
  EXPECT_TRUE(check_frame(frame.view()).is_ok());
}

// Two rows of chroma of which the first ends a line and the second begins one.
TEST(Frame, FoldedRowsThatReachIntoASecondLineNeedItsStride) {
  OwnedFrame frame(PixelFormat::kI420, 8, 4);
  PlaneView& plane = frame.view().planes[2];
  ASSERT_EQ(plane.rows, 2);
  plane.rows_per_line = 2;
  plane.stride_bytes = 0;
  EXPECT_TRUE(check_frame(frame.view()).is_ok());
  plane.first_row = 1;
  EXPECT_EQ(check_frame(frame.view()).message(), "planes[2]: stride 0: rows of 8 bytes need a stride of at least that");
}

TEST(Frame, FoldedRowsAreFoundTwoOnALine) {
  std::vector<uint8_t> bytes(64);
  PlaneView plane{bytes.data(), 16, 4, 5, 2, 1};
  EXPECT_EQ(plane.row(0) - bytes.data(), 4);
  EXPECT_EQ(plane.row(1) - bytes.data(), 16);
  EXPECT_EQ(plane.row(2) - bytes.data(), 20);
}

struct SizeCase {
  Size source;
  Size max;
  Rotation rotation;
  std::pair<int, int> pixel_aspect;
  Size still;
};

class StillSize : public ::testing::TestWithParam<SizeCase> {};

TEST_P(StillSize, FitsKeepsTheDisplayAspectAndIsEven) {
  const SizeCase& c = GetParam();
  FrameView frame;
  frame.width = c.source.width;
  frame.height = c.source.height;
  frame.rotation = c.rotation;
  std::tie(frame.pixel_aspect_x, frame.pixel_aspect_y) = c.pixel_aspect;
  const Size still = still_size(frame, c.max);
  EXPECT_EQ(still, c.still) << still.width << "x" << still.height;
}

constexpr Size kMax{640, 360};

INSTANTIATE_TEST_SUITE_P(
    Sizes, StillSize,
    ::testing::Values(SizeCase{{1920, 1080}, kMax, Rotation::k0, {1, 1}, {640, 360}},
                      SizeCase{{640, 272}, kMax, Rotation::k0, {1, 1}, {640, 272}},
                      SizeCase{{1440, 1080}, kMax, Rotation::k0, {1, 1}, {480, 360}},
                      SizeCase{{1080, 1920}, kMax, Rotation::k0, {1, 1}, {202, 360}},
                      SizeCase{{1920, 1080}, kMax, Rotation::k90, {1, 1}, {202, 360}},
                      SizeCase{{1920, 1080}, kMax, Rotation::k270, {1, 1}, {202, 360}},
                      SizeCase{{320, 240}, kMax, Rotation::k0, {1, 1}, {320, 240}},
                      SizeCase{{333, 251}, kMax, Rotation::k0, {1, 1}, {332, 250}},
                      SizeCase{{1920, 1080}, {641, 361}, Rotation::k0, {1, 1}, {640, 360}},
                      SizeCase{{720, 576}, kMax, Rotation::k0, {64, 45}, {640, 360}},
                      SizeCase{{720, 576}, kMax, Rotation::k90, {64, 45}, {202, 360}},
                      SizeCase{{176, 144}, kMax, Rotation::k0, {128, 117}, {176, 132}},
                      SizeCase{{1, 1}, kMax, Rotation::k0, {1, 1}, {2, 2}},
                      SizeCase{{16384, 2}, kMax, Rotation::k0, {1, 1}, {640, 2}},
                      SizeCase{{16384, 16384}, {16384, 16384}, Rotation::k180, {1, 1}, {16384, 16384}}));

}  // namespace
}  // namespace stillcast
