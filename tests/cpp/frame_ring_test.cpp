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

TEST(FrameRing, ASlotHoldsEverySampleOfEveryFormat) {
  for (const PixelFormat format : kAllFormats) {
    OwnedFrame frame(format, 37, 21, 5);
    frame.randomise(9);
    Slot slot;
    ASSERT_TRUE(slot.reserve(frame_bytes(frame.view())));
    slot.copy(frame.view());
    for (size_t p = 0; p < static_cast<size_t>(format_info(format).planes); ++p) {
      const PlaneView& from = frame.view().planes[p];
      const PlaneView& to = slot.frame.planes[p];
      for (int y = 0; y < from.rows; ++y) {
        ASSERT_EQ(std::vector(from.row(y), from.row(y) + from.row_bytes),
                  std::vector(to.row(y), to.row(y) + to.row_bytes));
      }
    }
  }
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
