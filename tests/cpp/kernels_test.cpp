#include "stillcast/kernels/kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <ostream>
#include <random>
#include <vector>

#include "stillcast/area_axis.h"
#include "stillcast/still_maker.h"
#include "support.h"

// Every set of kernels against the reference, bit by bit. What is right is said in downscale_test and colour_test, of
// the reference.

namespace stillcast {

void PrintTo(const Kernels& kernels, std::ostream* out) { *out << kernels.name; }

namespace {

using testing::kAllFormats;
using testing::OwnedFrame;

constexpr int kMostWidth = 130;

// Noise, and what is hardest for sums and roundings: only the extremes.
class Noise {
 public:
  explicit Noise(uint32_t seed) : random_(seed), extreme_(seed % 3 == 0) {}
  uint8_t byte() { return extreme_ ? static_cast<uint8_t>(random_() % 2 * 255) : static_cast<uint8_t>(random_()); }
  std::vector<uint8_t> bytes(int count) {
    std::vector<uint8_t> made(static_cast<size_t>(count));
    for (uint8_t& each : made) each = byte();
    return made;
  }
  // Levels up to 255, times 2^kScaledBits, padded.
  std::vector<int16_t> scaled(int count) {
    std::vector<int16_t> made(static_cast<size_t>(count + kRowPadding));
    for (int16_t& each : made) {
      each = static_cast<int16_t>(extreme_ ? random_() % 2 * (255U << kScaledBits) : random_() % ((255U << 7) + 1));
    }
    return made;
  }
  int below(int limit) { return static_cast<int>(random_() % static_cast<uint32_t>(limit)); }

 private:
  std::mt19937 random_;
  bool extreme_;
};

class EveryKernels : public ::testing::TestWithParam<Kernels> {
 protected:
  [[nodiscard]] const Kernels& kernels() const { return GetParam(); }
  const Kernels& reference_ = reference_kernels();
};

using Rows = std::vector<std::vector<uint8_t>>;

void expect_same_sums(decltype(Kernels::sum_rows) sum, decltype(Kernels::sum_rows) reference, const Rows& rows,
                      const std::vector<int16_t>& weights) {
  std::vector<const uint8_t*> pointers;
  for (const auto& row : rows) pointers.push_back(row.data());
  const auto width = static_cast<int>(rows[0].size());
  std::vector<int16_t> want(rows[0].size() + kRowPadding);
  std::vector<int16_t> got(want.size());
  const auto count = static_cast<int>(rows.size());
  reference(pointers.data(), weights.data(), count, width, 0, want.data());
  sum(pointers.data(), weights.data(), count, width, 2 * width, got.data());
  ASSERT_TRUE(std::equal(want.begin(), want.begin() + width, got.begin())) << width << " of " << count << " rows";
}

// Each row has memory of its own, without a byte to spare: ASan sees a kernel that reads on.
TEST_P(EveryKernels, SumsRowsOfAnyWidthAndNumber) {
  for (int width = 1; width <= kMostWidth; ++width) {
    for (const int count : {1, 2, 3, 4, 5, 8, 17}) {
      Noise noise(static_cast<uint32_t>(width + count));
      Rows rows;
      for (int i = 0; i < count; ++i) rows.push_back(noise.bytes(width));
      const auto n = static_cast<size_t>(count);
      expect_same_sums(kernels().sum_rows, reference_.sum_rows, rows, std::vector<int16_t>(n, 1));
      std::vector<int16_t> weights(n);
      for (int16_t& weight : weights) weight = static_cast<int16_t>(1 + noise.below((kExactTotal - 1) / count));
      expect_same_sums(kernels().sum_rows, reference_.sum_rows, rows, weights);
      for (int16_t& weight : weights) weight = static_cast<int16_t>((1 << kFineBits) / count);
      expect_same_sums(kernels().sum_rows_fine, reference_.sum_rows_fine, rows, weights);
    }
  }
}

TEST_P(EveryKernels, SplitsRowsOfAnyLength) {
  for (int length = 1; length <= kMostWidth; ++length) {
    for (int step = 2; step <= 4; ++step) {
      const std::vector<int16_t> from = Noise(static_cast<uint32_t>(length)).scaled(step * length);
      std::array<std::vector<int16_t>, 4> to;
      for (auto& row : to) row.resize(static_cast<size_t>(length) + kRowPadding);
      kernels().split(from.data(), step, length, {to[0].data(), to[1].data(), to[2].data(), to[3].data()});
      for (int x = 0; x < length; ++x) {
        for (int i = 0; i < step; ++i) {
          ASSERT_EQ(to[static_cast<size_t>(i)][static_cast<size_t>(x)], from[static_cast<size_t>(x * step + i)]);
        }
      }
    }
  }
}

void expect_same_row(const Kernels& kernels, const AreaAxis& axis, int width, Noise& noise) {
  RowWindows windows;
  RowWindows plain;
  ASSERT_TRUE(windows.build(axis, kExactTotal, kernels.window));
  ASSERT_TRUE(plain.build(axis, kExactTotal, reference_kernels().window));
  std::array<std::vector<int16_t>, 2> from;
  for (auto& row : from) row = noise.scaled(width + std::max(windows.overread(), plain.overread()));
  std::array<std::vector<int16_t>, 2> want;
  for (auto& row : want) row.resize(static_cast<size_t>(axis.cells()) + kRowPadding);
  std::array<std::vector<int16_t>, 2> got = want;
  reference_kernels().weigh_rows(plain, {from[0].data(), from[1].data()}, {want[0].data(), want[1].data()});
  kernels.weigh_rows(windows, {from[0].data(), from[1].data()}, {got[0].data(), got[1].data()});
  for (size_t i = 0; i < want.size(); ++i) {
    ASSERT_TRUE(std::equal(want[i].begin(), want[i].begin() + axis.cells(), got[i].begin()))
        << width << " to " << axis.cells() << ", pairs " << windows.pairs << ", row " << i;
  }
}

TEST_P(EveryKernels, WeighsRowsOfAnyWidthToAnyOther) {
  for (int width = 1; width <= kMostWidth; ++width) {
    for (int cells = 1; cells <= std::max(2, width); ++cells) {
      AreaAxis axis;
      axis.build(width, 1, cells);
      Noise noise(static_cast<uint32_t>(width * cells));
      expect_same_row(kernels(), axis, width, noise);
    }
  }
}

TEST_P(EveryKernels, WeighsLongRowsAtEveryClassOfRatio) {
  const std::array<std::pair<int, int>, 14> ratios{{{1920, 1920},
                                                    {1920, 1280},
                                                    {1920, 960},
                                                    {1920, 854},
                                                    {1920, 640},
                                                    {2560, 640},
                                                    {1920, 427},
                                                    {3840, 640},
                                                    {3840, 427},
                                                    {1920, 214},
                                                    {1917, 213},
                                                    {1000, 31},
                                                    {4096, 64},
                                                    {16384, 2}}};
  for (const auto& [width, cells] : ratios) {
    for (const int sub : {1, 2}) {
      AreaAxis axis;
      axis.build(width, sub, cells);
      Noise noise(static_cast<uint32_t>(width + sub));
      expect_same_row(kernels(), axis, width, noise);
    }
  }
}

// A frame's plane of rows that have memory of their own, and one row of the small picture made of them.
void expect_same_cells(const Kernels& kernels, const AreaAxis& horizontal, const AreaAxis& vertical,
                       const SampleLayout& layout, Noise& noise) {
  SourceWindows windows;
  SourceWindows plain;
  ASSERT_TRUE(windows.build(horizontal, vertical, layout, kernels.window));
  ASSERT_TRUE(plain.build(horizontal, vertical, layout, reference_kernels().window));
  Rows rows;
  for (int i = 0; i < vertical.taps(); ++i) rows.push_back(noise.bytes(layout.row_bytes));
  std::vector<int16_t> want(static_cast<size_t>(plain.cells) + kRowPadding);
  std::vector<int16_t> got = want;
  for (int cell = 0; cell < vertical.cells(); ++cell) {
    const AreaAxis::Span& span = vertical.span(cell);
    std::vector<const uint8_t*> pointers;
    for (int i = 0; i < span.count; ++i) pointers.push_back(rows[static_cast<size_t>(i)].data());
    const WeightedRows from{pointers.data(), vertical.weights(span), span.count, 0};
    reference_kernels().weigh_source(plain, from, want.data());
    kernels.weigh_source(windows, from, got.data());
    ASSERT_TRUE(std::equal(want.begin(), want.begin() + plain.cells, got.begin()))
        << layout.row_bytes << " bytes to " << horizontal.cells() << " cells of " << span.count << " rows";
  }
}

TEST_P(EveryKernels, WeighsTheSourceWhereWeightsAreShort) {
  struct Ratio {
    int from;
    int to;
  };
  int tried = 0;
  for (const Ratio across : {Ratio{1, 1}, {3, 2}, {2, 1}, {5, 2}, {3, 1}, {7, 2}, {4, 1}, {6, 1}, {8, 1}}) {
    for (const Ratio down : {Ratio{1, 1}, {3, 2}, {9, 4}, {3, 1}, {8, 1}}) {
      for (int step = 1; step <= 4; ++step) {
        for (int cells = across.to; cells < 200; cells += 13 * across.to) {
          const int width = cells / across.to * across.from;
          AreaAxis horizontal;
          AreaAxis vertical;
          horizontal.build(width, 1, cells);
          vertical.build(4 * down.from, 1, 4 * down.to);
          for (const SampleLayout layout :
               {SampleLayout{step, cells % step, 1, step * width}, {step, 0, step, step * width}}) {
            SourceWindows windows;
            if (!windows.build(horizontal, vertical, layout, kernels().window)) continue;
            Noise noise(static_cast<uint32_t>(cells + step));
            expect_same_cells(kernels(), horizontal, vertical, layout, noise);
            ++tried;
          }
        }
      }
    }
  }
  EXPECT_GT(tried, 1000);
}

TEST(SourceWindows, AreForShortWeightsOnly) {
  const auto built = [](int width, int cells, int height, int rows, SampleLayout layout) {
    AreaAxis horizontal;
    AreaAxis vertical;
    horizontal.build(width, 1, cells);
    vertical.build(height, 1, rows);
    bool all = true;
    bool none = true;
    for (const Kernels& kernels : all_kernels()) {
      const bool one = SourceWindows().build(horizontal, vertical, layout, kernels.window);
      all = all && one;
      none = none && !one;
    }
    EXPECT_TRUE(all || none) << width << " to " << cells;
    return all;
  };
  EXPECT_TRUE(built(1920, 640, 1080, 360, {1, 0, 1, 1920}));
  EXPECT_TRUE(built(1920, 640, 1080, 360, {2, 0, 2, 3840}));
  EXPECT_TRUE(built(3840, 640, 2160, 360, {1, 0, 1, 3840}));
  EXPECT_TRUE(built(64, 32, 64, 32, {1, 0, 1, 64}));
  EXPECT_FALSE(built(62, 31, 62, 31, {1, 0, 1, 62})) << "a row shorter than a window";
  EXPECT_TRUE(built(1920, 640, 1080, 360, {3, 0, 3, 5760}));
  EXPECT_FALSE(built(5760, 640, 1080, 360, {1, 0, 1, 5760})) << "cells of nine samples";
  EXPECT_FALSE(built(3840, 640, 2160, 360, {4, 0, 4, 15360})) << "cells of more bytes than a window of 16";
  EXPECT_FALSE(built(1920, 640, 1080, 120, {1, 0, 1, 1920})) << "cells of nine rows";
  EXPECT_FALSE(built(1920, 854, 1080, 480, {1, 0, 1, 1920})) << "long weights";
  EXPECT_FALSE(built(1920, 768, 1080, 432, {1, 0, 1, 1920})) << "a flat picture would not stay flat";
}

TEST_P(EveryKernels, AveragesRows) {
  for (int length = 1; length <= kMostWidth; ++length) {
    Noise noise(static_cast<uint32_t>(length));
    const std::vector<int16_t> a = noise.scaled(length);
    const std::vector<int16_t> b = noise.scaled(length);
    std::vector<int16_t> got(a.size());
    std::vector<int16_t> want(a.size());
    kernels().average(a.data(), b.data(), length, got.data());
    reference_.average(a.data(), b.data(), length, want.data());
    ASSERT_TRUE(std::equal(want.begin(), want.begin() + length, got.begin()));
  }
}

struct TwoRows {
  explicit TwoRows(int pairs) { picture.resize({2 * pairs, 2}); }
  PictureRows rows() {
    auto& [luma, cb, cr] = picture.planes;
    return {{luma.row(0), luma.row(1)}, cb.row(0), cr.row(0)};
  }
  // Bytes up to the picture's width; what is behind is anybody's.
  [[nodiscard]] std::vector<uint8_t> bytes() const {
    std::vector<uint8_t> all;
    for (const Plane& plane : picture.planes) {
      for (int y = 0; y < plane.height(); ++y) all.insert(all.end(), plane.row(y), plane.row(y) + plane.width());
    }
    return all;
  }
  Picture picture;
};

template <typename Convert, typename Transform>
void expect_same_colours(Convert convert, Convert reference, const Transform& transform) {
  for (int pairs = 1; pairs <= kMostWidth; ++pairs) {
    Noise noise(static_cast<uint32_t>(pairs));
    std::array<std::array<std::vector<int16_t>, 2>, 3> samples;
    ScaledRows from;
    for (size_t i = 0; i < 3; ++i) {
      for (size_t y = 0; y < 2; ++y) {
        samples[i][y] = noise.scaled(2 * pairs);
        from.row[i][y] = samples[i][y].data();
      }
    }
    TwoRows want(pairs);
    TwoRows got(pairs);
    reference(transform, from, pairs, want.rows());
    convert(transform, from, pairs, got.rows());
    ASSERT_EQ(got.bytes(), want.bytes()) << pairs;
  }
}

TEST_P(EveryKernels, ConvertsTheColoursOfEverySpace) {
  for (const ColourMatrix matrix : {ColourMatrix::kBt601, ColourMatrix::kBt709, ColourMatrix::kBt2020}) {
    for (const bool full_range : {false, true}) {
      FrameView frame;
      frame.matrix = matrix;
      frame.full_range = full_range;
      expect_same_colours(kernels().convert_ycc, reference_.convert_ycc, ycc_to_jfif(frame));
      frame.format = PixelFormat::kRgb24;
      expect_same_colours(kernels().convert_rgb, reference_.convert_rgb, rgb_to_jfif(frame));
    }
  }
}

TEST_P(EveryKernels, SumsLumaOfAnyStretches) {
  for (int length = 1; length <= kMostWidth; ++length) {
    Noise noise(static_cast<uint32_t>(length));
    const std::vector<uint8_t> row = noise.bytes(length + kRowPadding);
    std::array<int, LumaSums::kStretches> ends;
    for (int& end : ends) end = noise.below(length + 1);
    ends.back() = length;
    std::sort(ends.begin(), ends.end());
    const LumaSums got = kernels().sum_luma(row.data(), ends);
    const LumaSums want = reference_.sum_luma(row.data(), ends);
    ASSERT_EQ(got.stretches, want.stretches);
    ASSERT_EQ(got.squares, want.squares);
  }
  const std::vector<uint8_t> white(kMaxSide + kRowPadding, 255);
  std::array<int, LumaSums::kStretches> ends{};
  ends.back() = kMaxSide;
  const LumaSums sums = kernels().sum_luma(white.data(), ends);
  EXPECT_EQ(sums.squares, uint64_t{255 * 255} * kMaxSide);
  EXPECT_EQ(sums.stretches.back(), uint32_t{255} * kMaxSide);
}

// Where the sample at column x, row y comes to when a picture of this size is turned.
std::pair<int, int> turned(int x, int y, Size size, Rotation rotation) {
  switch (rotation) {
    case Rotation::k90:
      return {size.height - 1 - y, x};
    case Rotation::k180:
      return {size.width - 1 - x, size.height - 1 - y};
    case Rotation::k270:
      return {y, size.width - 1 - x};
    case Rotation::k0:
      break;
  }
  return {x, y};
}

TEST_P(EveryKernels, TurnsPicturesOfAnySize) {
  for (int side = 2; side <= 70; side += 2) {
    for (const Size size : {Size{side, 34}, Size{48, side}, Size{side, side}}) {
      Picture from;
      from.resize(size);
      Noise noise(static_cast<uint32_t>(side) * 3 + 1);
      Plane& luma = from.planes[0];
      for (int y = 0; y < size.height; ++y) std::copy_n(noise.bytes(size.width).data(), size.width, luma.row(y));
      for (const Rotation rotation : {Rotation::k90, Rotation::k180, Rotation::k270}) {
        Picture to;
        rotate(kernels(), from, rotation, to);
        for (int y = 0; y < size.height; ++y) {
          for (int x = 0; x < size.width; ++x) {
            const auto [u, v] = turned(x, y, size, rotation);
            ASSERT_EQ(to.planes[0].row(v)[u], luma.row(y)[x]) << size.width << "x" << size.height;
          }
        }
      }
    }
  }
}

TEST_P(EveryKernels, MakesTheSameStillsOfEveryFormat) {
  StillMaker maker(kernels());
  StillMaker reference(reference_);
  for (const PixelFormat format : kAllFormats) {
    for (const Size size : {Size{1, 1}, Size{3, 2}, Size{67, 45}, Size{131, 97}, Size{720, 576}, Size{641, 1081}}) {
      OwnedFrame frame(format, size.width, size.height, size.width % 5);
      frame.randomise(static_cast<uint32_t>(size.width));
      for (const Size box : {Size{640, 360}, Size{96, 64}, Size{20, 20}}) {
        EncodedStill got;
        EncodedStill want;
        ASSERT_TRUE(maker.make(frame.view(), {box, 90}, got).is_ok());
        ASSERT_TRUE(reference.make(frame.view(), {box, 90}, want).is_ok());
        ASSERT_EQ(got.jpeg, want.jpeg) << format_info(format).name << " " << size.width;
        ASSERT_EQ(got.luma.dhash, want.luma.dhash);
        ASSERT_EQ(got.luma.mean, want.luma.mean);
        ASSERT_EQ(got.luma.deviation, want.luma.deviation);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, EveryKernels, ::testing::ValuesIn(all_kernels().begin(), all_kernels().end()),
                         [](const auto& each) { return std::string(each.param.name); });

TEST(Kernels, TheBestAreAmongAll) {
  const auto is_best = [](const Kernels& each) { return each.name == best_kernels().name; };
  EXPECT_TRUE(std::any_of(all_kernels().begin(), all_kernels().end(), is_best));
}

}  // namespace
}  // namespace stillcast
