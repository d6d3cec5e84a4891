#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <new>
#include <ostream>
#include <random>
#include <span>
#include <vector>

#include "allocations.h"
#include "painter.h"
#include "stillcast/jpeg/coder.h"
#include "stillcast/jpeg/native_encoder.h"
#include "stillcast/jpeg/turbo_encoder.h"

// Every set of the encoder's loops against libjpeg-turbo, byte by byte.

namespace stillcast::jpeg {

void PrintTo(const Coder& coder, std::ostream* out) { *out << coder.name; }

namespace {

using testing::kLooks;
using testing::Look;
using testing::Painter;

using Bytes = std::vector<uint8_t>;

Bytes encoded(JpegEncoder& encoder, const Picture& picture, int quality) {
  std::span<const uint8_t> jpeg;
  const Status status = encoder.encode(picture, quality, jpeg);
  EXPECT_TRUE(status.is_ok()) << status.message();
  return {jpeg.begin(), jpeg.end()};
}

class EveryCoder : public ::testing::TestWithParam<Coder> {
 protected:
  void expect_same(const Picture& picture, int quality) {
    ASSERT_EQ(encoded(native_, picture, quality), encoded(turbo_, picture, quality))
        << picture.width() << "x" << picture.height() << " at quality " << quality;
  }

  NativeEncoder native_{GetParam()};
  TurboEncoder turbo_;
};

TEST_P(EveryCoder, WritesLibjpegsBytesForEverySmallSize) {
  for (int height = 2; height <= 36; height += 2) {
    for (int width = 2; width <= 68; width += 2) {
      const auto look = static_cast<Look>((width + height) / 2 % kLooks);
      expect_same(Painter(look, static_cast<uint32_t>(width * height)).paint({width, height}), 1 + (7 * width) % 100);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(EveryCoder, WritesLibjpegsBytesForEveryQualityAndLook) {
  for (int quality = 1; quality <= 100; ++quality) {
    for (int look = 0; look < kLooks; ++look) {
      const auto seed = static_cast<uint32_t>(quality * kLooks + look);
      expect_same(Painter(static_cast<Look>(look), seed).paint({78, 42}), quality);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(EveryCoder, OneObjectServesPicturesOfAnySizeInTurn) {
  std::mt19937 random(5);
  for (const Size size : {Size{2, 2}, Size{1280, 720}, Size{16, 16}, Size{854, 480}, Size{34, 18}, Size{640, 360}}) {
    const auto look = static_cast<Look>(random() % kLooks);
    expect_same(Painter(look, static_cast<uint32_t>(random())).paint(size), 80);
  }
}

TEST_P(EveryCoder, RefusesAPictureWithoutSamples) {
  std::span<const uint8_t> jpeg;
  EXPECT_EQ(native_.encode(Picture(), 80, jpeg).message(),
            "JPEG encoder: a picture of 0x0: each side has to be 2 to 65500");
}

TEST_P(EveryCoder, WorksOnAfterThereWasNoMemory) {
  const Picture small = Painter(Look::kNoise, 1).paint({32, 32});
  const Picture large = Painter(Look::kNoise, 2).paint({640, 480});
  const Bytes before = encoded(native_, small, 90);
  {
    const testing::NoMemory none(16 * 1024);
    std::span<const uint8_t> jpeg;
    EXPECT_THROW(static_cast<void>(native_.encode(large, 90, jpeg)), std::bad_alloc);
  }
  EXPECT_EQ(encoded(native_, small, 90), before);
  expect_same(large, 90);
}

// A row of MCUs in memory that ends where it has to be readable, listed and written into rooms that end where their
// margins do: ASan sees a loop that goes on.
TEST_P(EveryCoder, StaysWithinItsMargins) {
  const Coder& coder = GetParam();
  Quantisers quantisers;
  for (const Kind kind : {Kind::kLuma, Kind::kChroma}) {
    quantisers[static_cast<size_t>(kind)].build(kind, 100, coder.column_order);
  }
  for (const int mcus : {1, 2, 3}) {
    const int columns = (mcus + 1) / 2 * 32;
    std::mt19937 random(static_cast<uint32_t>(mcus));
    Bytes luma(static_cast<size_t>(16 * columns));
    Bytes cb(static_cast<size_t>(8 * columns / 2));
    Bytes cr(cb.size());
    for (Bytes* plane : {&luma, &cb, &cr}) {
      for (uint8_t& sample : *plane) sample = static_cast<uint8_t>(random() % 2 * 255);
    }
    const McuRow row{luma.data(), cb.data(), cr.data(), columns, columns / 2, mcus, 2 * mcus, true};
    std::array<int, 3> last_dc{};
    const auto blocks = static_cast<size_t>(6 * mcus);
    std::vector<uint16_t> codes(blocks * kBlockCodesMax + kListMargin);
    uint16_t* end = coder.list_row(row, quantisers, last_dc, codes.data());
    // All again, but with no more room than what was listed needs.
    const auto listed = static_cast<size_t>(end - codes.data());
    ASSERT_LE(listed, blocks * kBlockCodesMax);
    std::vector<uint16_t> exact(listed + kListMargin);
    last_dc = {};
    end = coder.list_row(row, quantisers, last_dc, exact.data());
    ASSERT_EQ(end, exact.data() + listed);
    Bytes bits(blocks * kBlockBytesMax + kBytesMargin);
    BitRest rest;
    uint8_t* bits_end = coder.write_bits(standard_codes(), exact.data(), end, rest, bits.data());
    bits.resize(static_cast<size_t>(bits_end - bits.data()) + kBytesMargin);
    bits.shrink_to_fit();
    bits_end = bits.data() + bits.size() - kBytesMargin;
    const auto full = static_cast<size_t>(std::count(bits.data(), bits_end, 0xFF));
    Bytes stuffed(static_cast<size_t>(bits_end - bits.data()) + full + kBytesMargin);
    EXPECT_EQ(coder.stuff(bits.data(), bits_end, stuffed.data()), stuffed.data() + stuffed.size() - kBytesMargin);
  }
}

std::vector<Coder> all_coders() {
  const auto vectors = vector_coders();
  std::vector<Coder> all(vectors.begin(), vectors.end());
  all.push_back(reference_coder());
  return all;
}

std::string name_of(const ::testing::TestParamInfo<Coder>& info) {
  std::string name(info.param.name);
  std::erase(name, '-');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Jpeg, EveryCoder, ::testing::ValuesIn(all_coders()), name_of);

// What the levels of one block come to in the list.
class ListTest : public ::testing::Test {
 protected:
  static Block block_of(std::initializer_list<std::pair<int, int>> levels) {
    Block block{};
    block.wide = true;
    for (const auto& [place, level] : levels) {
      block.wide_levels[static_cast<size_t>(place)] = static_cast<int16_t>(level);
      block.nonzero |= uint64_t{1} << place;
    }
    return block;
  }

  static std::vector<int> listed(const Block& block) {
    std::array<uint16_t, kBlockCodesMax> codes{};
    uint16_t* end = list_ac(Kind::kLuma, block, codes.data());
    return {codes.data(), end};
  }
};

TEST_F(ListTest, ALevelAndTheRunBeforeItAreOneCode) {
  EXPECT_EQ(listed(block_of({{1, 5}, {4, -3}})),
            (std::vector<int>{kAcCodes + 5 * 16, kAcCodes - 3 * 16 + 2, kEndOfBlock}));
}

TEST_F(ListTest, SixteenZerosAreACodeOfTheirOwn) {
  EXPECT_EQ(listed(block_of({{40, 1}})),
            (std::vector<int>{kSixteenZeros, kSixteenZeros, kAcCodes + 16 + 7, kEndOfBlock}));
}

TEST_F(ListTest, ABlockThatIsFullToItsEndHasNoCodeForTheEnd) {
  const auto codes = listed(block_of({{63, 1}}));
  EXPECT_EQ(codes.back(), kAcCodes + 16 + 14);
}

TEST_F(ListTest, ALevelBeyondAByteIsASymbolAndItsBits) {
  EXPECT_EQ(listed(block_of({{2, -300}})),
            (std::vector<int>{kSymbolCodes + 0x19, kBitsCodes + 512 + (511 - 300), kEndOfBlock}));
}

TEST_F(ListTest, NoBlockHasMoreCodesThanRoomIsMadeFor) {
  Block block{};
  block.wide = true;
  block.nonzero = ~uint64_t{0};
  block.wide_levels.fill(1023);
  EXPECT_EQ(static_cast<int>(listed(block).size()) + 1, kBlockCodesMax - 1);  // of DC one, and no end
}

TEST(LongRun, IsSixteenZerosBeforeALevel) {
  for (int first = 0; first < 62; ++first) {
    for (int second = first + 1; second < 64; ++second) {
      const uint64_t levels = ((uint64_t{1} << first) | (uint64_t{1} << second)) & ~uint64_t{1};
      EXPECT_EQ(has_long_run(levels), second - first > 16 || first > 16) << first << " and " << second;
    }
  }
  EXPECT_FALSE(has_long_run(0));
}

// A quotient, rounded half up.
TEST(Quantiser, DividesByEveryStep) {
  for (const int quality : {1, 10, 50, 80, 100}) {
    Quantiser quantiser;
    quantiser.build(Kind::kLuma, quality, kInOrder);
    for (size_t i = 0; i < kBlockSamples; ++i) {
      const Quantiser::Row& row = quantiser.rows[i / kBlockSize];
      const size_t column = i % kBlockSize;
      const uint32_t divisor = 8U * quantiser.steps[i];
      for (uint32_t magnitude = 0; magnitude <= 8192; ++magnitude) {
        const uint32_t product = (magnitude + row.bias[column]) * row.reciprocal[column] >> 16;
        ASSERT_EQ(product * row.scale[column] >> 16, (magnitude + divisor / 2) / divisor)
            << magnitude << "/" << divisor;
      }
    }
  }
}

TEST(CodeTable, NoCodeWritesMoreThanItsBits) {
  for (const uint32_t entry : standard_codes()) {
    const uint32_t length = entry & kLengthMask;
    ASSERT_LE(length, static_cast<uint32_t>(kCodeBitsMax));
    ASSERT_EQ(entry >> kLengthBits >> length, 0U);
  }
}

}  // namespace
}  // namespace stillcast::jpeg
