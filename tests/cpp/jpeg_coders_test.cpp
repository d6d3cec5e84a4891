#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <new>
#include <ostream>
#include <random>
#include <span>
#include <utility>
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

// The output has to grow in the middle of a picture: all else has its room from the flat one.
TEST_P(EveryCoder, WorksOnAfterThereWasNoMemory) {
  const Size size{640, 480};
  const Bytes before = encoded(native_, Painter(Look::kFlat, 1).paint(size), 90);
  const Picture noise = Painter(Look::kNoise, 2).paint(size);
  {
    const testing::NoMemory none(16 * 1024);
    std::span<const uint8_t> jpeg;
    EXPECT_THROW(static_cast<void>(native_.encode(noise, 90, jpeg)), std::bad_alloc);
  }
  EXPECT_EQ(encoded(native_, Painter(Look::kFlat, 1).paint(size), 90), before);
  expect_same(noise, 90);
}

// A row of MCUs in memory that ends where it has to be readable.
struct OwnedRow {
  OwnedRow(int count, int lowest, int levels) : mcus(count) {
    std::mt19937 random(static_cast<uint32_t>(count + lowest + levels));
    for (Bytes* plane : {&luma, &cb, &cr}) {
      plane->resize(static_cast<size_t>(plane == &luma ? 16 * columns() : 8 * columns() / 2));
      const auto step = static_cast<uint32_t>(levels > 2 ? 1 : 255);
      for (uint8_t& sample : *plane) {
        sample = static_cast<uint8_t>(static_cast<uint32_t>(lowest) + random() % static_cast<uint32_t>(levels) * step);
      }
    }
  }

  [[nodiscard]] int columns() const { return (mcus + 1) / 2 * 32; }
  [[nodiscard]] McuRow row() const {
    return {luma.data(), cb.data(), cr.data(), columns(), columns() / 2, mcus, 2 * mcus, true};
  }

  int mcus;
  Bytes luma;
  Bytes cb;
  Bytes cr;
};

// Listed and written into rooms that end where their margins do: ASan sees a loop that goes on.
void expect_within_margins(const Coder& coder, const OwnedRow& owned, int quality) {
  Quantisers quantisers;
  for (const Kind kind : {Kind::kLuma, Kind::kChroma}) {
    quantisers[static_cast<size_t>(kind)].build(kind, quality, coder.column_order);
  }
  const auto blocks = static_cast<size_t>(6 * owned.mcus);
  std::vector<uint16_t> codes(blocks * kBlockCodesMax + kListMargin);
  std::array<int, 3> last_dc{};
  const auto listed =
      static_cast<size_t>(coder.list_row(owned.row(), quantisers, last_dc, codes.data()) - codes.data());
  ASSERT_LE(listed, blocks * kBlockCodesMax);
  std::vector<uint16_t> exact(listed + kListMargin);
  last_dc = {};
  uint16_t* end = coder.list_row(owned.row(), quantisers, last_dc, exact.data());
  ASSERT_EQ(end, exact.data() + listed);

  Bytes bits(blocks * kBlockBytesMax + kBytesMargin);
  BitRest rest;
  const uint8_t* bits_end = coder.write_bits(standard_codes(), exact.data(), end, rest, bits.data());
  const auto count = static_cast<size_t>(bits_end - bits.data());
  Bytes exact_bits(count + kBytesMargin);
  rest = {};
  bits_end = coder.write_bits(standard_codes(), exact.data(), end, rest, exact_bits.data());
  ASSERT_EQ(bits_end, exact_bits.data() + count);
  const auto full =
      static_cast<size_t>(std::count(exact_bits.cbegin(), exact_bits.cbegin() + static_cast<ptrdiff_t>(count), 0xFF));
  Bytes stuffed(count + full + kBytesMargin);
  EXPECT_EQ(coder.stuff(exact_bits.data(), bits_end, stuffed.data()), stuffed.data() + count + full);
}

// Levels of one or two that are far apart make wide blocks, of nine that are near each other full ones, of one flat
// ones.
TEST_P(EveryCoder, StaysWithinItsMargins) {
  for (const int mcus : {1, 2, 3}) {
    for (const auto& [lowest, levels] : {std::pair{0, 2}, {124, 9}, {96, 64}, {77, 1}}) {
      for (const int quality : {50, 80, 100})
        expect_within_margins(GetParam(), OwnedRow(mcus, lowest, levels), quality);
    }
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
    ASSERT_LE(length, 24U);  // so that two of them and what waits fit into 64 bits
    ASSERT_EQ(entry >> kLengthBits >> length, 0U);
  }
}

}  // namespace
}  // namespace stillcast::jpeg
