#include "stillcast/frame_ring.h"

#include <gtest/gtest.h>

#include "support.h"

namespace stillcast {
namespace {

using testing::kAllFormats;
using testing::OwnedFrame;

TEST(FrameRing, GivesEachSlotOnceAndThenNone) {
  FrameRing ring(3, 100);
  Slot* first = ring.acquire();
  Slot* second = ring.acquire();
  Slot* third = ring.acquire();
  EXPECT_NE(first, second);
  EXPECT_NE(second, third);
  EXPECT_EQ(ring.acquire(), nullptr);
  ring.release(second);
  EXPECT_EQ(ring.free_slots(), 1);
  EXPECT_EQ(ring.acquire(), second);
}

TEST(FrameRing, GrowsItsFreeSlotsOnlyWhenAsked) {
  FrameRing ring(2, 100);
  ring.request_growth(5000);
  Slot* in_use = ring.acquire();
  EXPECT_EQ(in_use->capacity_bytes(), 100U);
  EXPECT_FALSE(ring.grow_free_slots());
  Slot* grown = ring.acquire();
  EXPECT_EQ(grown->capacity_bytes(), 5000U);
  EXPECT_EQ(in_use->capacity_bytes(), 100U);  // somebody else's for now
  ring.request_growth(10);                    // what was asked for before still stands
  ring.release(in_use);
  EXPECT_TRUE(ring.grow_free_slots());
  EXPECT_EQ(ring.acquire()->capacity_bytes(), 5000U);
}

TEST(FrameRing, HasAtLeastOneSlotAndAtMostTheBitsOfAWord) {
  for (const auto& [asked, got] : {std::pair{0, 1}, std::pair{65, 64}}) {
    FrameRing ring(asked, 100);
    EXPECT_EQ(ring.slots(), got);
    for (int i = 0; i < got; ++i) EXPECT_NE(ring.acquire(), nullptr);
    EXPECT_EQ(ring.acquire(), nullptr);
  }
}

TEST(FrameRing, WithoutMemoryASlotStaysAsItWas) {
  FrameRing ring(1, 100);
  constexpr size_t kTooMuch = size_t{1} << 62;
  EXPECT_FALSE(ring.lacks_memory_for(kTooMuch));
  ring.request_growth(kTooMuch);
  EXPECT_FALSE(ring.grow_free_slots());
  EXPECT_TRUE(ring.lacks_memory_for(kTooMuch));
  EXPECT_FALSE(ring.lacks_memory_for(kTooMuch - 1));
  EXPECT_EQ(ring.free_slots(), 1);
  EXPECT_EQ(ring.acquire()->capacity_bytes(), 100U);
}

void expect_copied(const FrameView& frame) {
  Slot slot;
  ASSERT_TRUE(slot.reserve(frame_bytes(frame)));
  slot.copy(frame);
  for (size_t p = 0; p < static_cast<size_t>(format_info(frame.format).planes); ++p) {
    const PlaneView& from = frame.planes[p];
    const PlaneView& to = slot.frame.planes[p];
    for (int y = 0; y < from.rows; ++y) {
      ASSERT_EQ(std::vector(from.row(y), from.row(y) + from.row_bytes),
                std::vector(to.row(y), to.row(y) + to.row_bytes));
    }
  }
}

// 128 pixels: rows of whole cache lines, which a slot does not pad either.
TEST(FrameRing, ASlotHoldsEverySampleOfEveryFormat) {
  for (const PixelFormat format : kAllFormats) {
    for (const auto& [width, padding] : {std::pair{37, 5}, {37, 0}, {128, 0}, {128, 64}}) {
      OwnedFrame frame(format, width, 21, padding);
      frame.randomise(9);
      expect_copied(frame.view());
    }
  }
}

TEST(FrameRing, ASlotHoldsPicturesThatStandOnTheirHeadsOrHaveFoldedRows) {
  std::vector<uint8_t> bytes(64 * 10);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 7 + i / 64);
  FrameView frame;
  frame.format = PixelFormat::kGray8;
  frame.width = 64;
  frame.height = 10;
  frame.planes[0] = {bytes.data() + 64 * 9, -64, 64, 10};
  expect_copied(frame);
  frame.height = 5;
  frame.planes[0] = {bytes.data(), 128, 64, 5, 2, 1};
  expect_copied(frame);
  frame.planes[0] = {bytes.data(), 64, 64, 5, 2, 1};  // lines that overlap
  expect_copied(frame);
}

TEST(NewestFrame, ReplacesTheOlderFrame) {
  FrameRing ring(2, 100);
  NewestFrame newest;
  Slot* older = ring.acquire();
  Slot* newer = ring.acquire();
  EXPECT_EQ(newest.publish(older), nullptr);
  EXPECT_TRUE(newest.waits());
  EXPECT_EQ(newest.publish(newer), older);
  EXPECT_EQ(newest.take(), newer);
  EXPECT_EQ(newest.take(), nullptr);
  EXPECT_FALSE(newest.waits());
}

}  // namespace
}  // namespace stillcast
