// Every tick is a still, or missed with a reason, or waits; every refusal and every lost snapshot has a reason too.

#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "allocations.h"
#include "sampler_fixture.h"

namespace stillcast {
namespace {

using testing::ManualClock;
using testing::NoMemory;
using testing::OwnedFrame;
using SamplerTest = testing::SamplerTest;

TEST_F(SamplerTest, MissedTicksAreSkippedAndCountedNotMadeUpFor) {
  const auto feed = open();
  sampler_.step();
  show(*feed);
  tick_after(5500);  // ticks at 1, 2, 3, 4 and 5 s
  EXPECT_EQ(sampler_.counters().ticks, 6U);
  EXPECT_EQ(missed(Missed::kLate), 4U);
  EXPECT_TRUE(show(*feed));
  EXPECT_FALSE(show(*feed));  // one still, no burst
  EXPECT_EQ(sampler_.counters().tick_stills, 2U);
  EXPECT_EQ(waiting_ticks(), 0U);
  EXPECT_EQ(sampler_.next_tick_ns(), clock_->monotonic_ns() + 500 * kNsPerMs);
}

TEST_F(SamplerTest, ATickWithoutAFrameIsCountedWhenTheNextIsDue) {
  const auto feed = open();
  sampler_.step();
  EXPECT_EQ(waiting_ticks(), 1U);
  tick_after(1000);
  EXPECT_EQ(missed(Missed::kNoFrame), 1U);
  EXPECT_EQ(waiting_ticks(), 1U);
}

TEST_F(SamplerTest, MissedTicksAreToldOfWhereThatIsAskedForAndThereIsRoom) {
  Sampler telling(clock_, {.slots = 2, .slot_bytes = 64 * 48 * 4, .queue_capacity = 4, .report_missed = true});
  const auto feed = telling.open_feed({kNsPerSecond, {}});
  for (int i = 0; i < 5; ++i) {
    telling.step();
    clock_->advance_ms(1000);
  }
  const CapturedStillPtr told = telling.stills().take(std::chrono::nanoseconds(0));
  ASSERT_NE(told, nullptr);
  EXPECT_EQ(told->missed, Missed::kNoFrame);
  EXPECT_EQ(told->captured_utc_ns, ManualClock::kUtcAtZero + kNsPerSecond);
  EXPECT_EQ(telling.stills().size(), 1U);  // half of the queue is for stills only
  EXPECT_EQ(telling.counters().missed[static_cast<size_t>(Missed::kNoFrame)], 4U);
  EXPECT_EQ(taken(), nullptr);  // the other sampler was not asked
}

TEST_F(SamplerTest, AFullQueueDropsTheOldestAndCountsItsTick) {
  const auto feed = open();
  sampler_.step();
  for (int i = 0; i < 6; ++i) {
    show(*feed);
    tick_after(1000);
  }
  EXPECT_EQ(missed(Missed::kQueueFull), 2U);
  EXPECT_EQ(sampler_.counters().tick_stills, 4U);
  EXPECT_EQ(waiting_ticks(), 1U);
}

TEST_F(SamplerTest, WithoutAFreeSlotThePushIsRefusedAndTheFeedStaysDue) {
  const std::array feeds{open(), open(), open()};
  for (const auto& feed : feeds) feed->request_snapshot();
  EXPECT_TRUE(feeds[0]->push(frame_.view()));
  EXPECT_TRUE(feeds[1]->push(frame_.view()));
  EXPECT_FALSE(feeds[2]->push(frame_.view()));
  EXPECT_EQ(refused(Refused::kNoSlot), 1U);
  EXPECT_TRUE(feeds[2]->wanted());
  sampler_.step();
  EXPECT_EQ(sampler_.ring().free_slots(), 2);
  EXPECT_TRUE(feeds[2]->push(frame_.view()));
}

TEST_F(SamplerTest, AClosedFeedRefusesFramesAndIsForgotten) {
  const auto feed = open();
  sampler_.step();
  feed->close();
  EXPECT_FALSE(feed->push(frame_.view()));
  EXPECT_EQ(refused(Refused::kClosed), 1U);
  EXPECT_FALSE(feed->retired());
  sampler_.step();
  EXPECT_TRUE(feed->retired());
  EXPECT_EQ(missed(Missed::kClosed), 1U);
  EXPECT_EQ(waiting_ticks(), 0U);
  EXPECT_EQ(sampler_.next_tick_ns(), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(feed.use_count(), 1);
}

TEST_F(SamplerTest, GeometryMayChangeFromFrameToFrame) {
  const auto feed = open();
  sampler_.step();
  OwnedFrame large(PixelFormat::kBgra, 640, 480);
  EXPECT_FALSE(feed->push(large.view()));  // the slots are too small: the sampler is asked to grow them
  EXPECT_EQ(refused(Refused::kSlotTooSmall), 1U);
  sampler_.step();
  EXPECT_TRUE(feed->push(large.view()));
  sampler_.step();
  EXPECT_EQ(taken()->still.size, (Size{480, 360}));
  tick_after(1000);
  EXPECT_TRUE(show(*feed));
  EXPECT_EQ(taken()->still.size, (Size{64, 48}));
}

TEST_F(SamplerTest, ATickThatIsOvertakenWhileItsFrameWaitsIsLateAndTheFrameServesTheNext) {
  const auto feed = open();
  sampler_.step();
  ASSERT_TRUE(feed->push(frame_.view()));
  tick_after(1000);
  EXPECT_EQ(missed(Missed::kLate), 1U);
  EXPECT_EQ(missed(Missed::kNoFrame), 0U);
  EXPECT_EQ(waiting_ticks(), 0U);
  const CapturedStillPtr still = taken();
  ASSERT_NE(still, nullptr);
  EXPECT_DOUBLE_EQ(still->lateness_ms, 0);  // the frame came before the tick that it serves
  EXPECT_DOUBLE_EQ(still->frame_age_ms, 1000);
}

TEST_F(SamplerTest, TicksThatComeDueWhileAStillIsMadeAreFiredBeforeTheNextOneIs) {
  const std::array feeds{open(1'000'000), open()};  // the second one ticks at 618 ms
  for (const auto& feed : feeds) show(*feed);
  tick_after(600);
  while (taken()) {
  }
  for (const auto& feed : feeds) {
    feed->request_snapshot();
    ASSERT_TRUE(feed->push(frame_.view()));
  }
  clock_->advance_after_asks(3, 100);  // the step asks for its ticks, then for those of the first still, then for it
  sampler_.step();
  EXPECT_FALSE(taken()->tick);
  EXPECT_TRUE(taken()->tick);
}

TEST_F(SamplerTest, StillsComeInTheOrderInWhichTheirFramesCame) {
  const std::array feeds{open(), open()};
  for (const auto& feed : feeds) feed->request_snapshot();
  for (const size_t i : {1U, 0U}) ASSERT_TRUE(feeds[i]->push(frame_.view()));
  sampler_.step();
  EXPECT_EQ(taken()->feed_id, feeds[1]->id());
  EXPECT_EQ(taken()->feed_id, feeds[0]->id());
}

TEST_F(SamplerTest, LateTicksAreNotToldOf) {
  Sampler telling(clock_, {.slots = 2, .slot_bytes = 64 * 48 * 4, .queue_capacity = 64, .report_missed = true});
  const auto feed = telling.open_feed({kNsPerSecond, {}});
  telling.step();
  clock_->advance_ms(5500);
  telling.step();
  EXPECT_EQ(telling.counters().missed[static_cast<size_t>(Missed::kLate)], 4U);
  EXPECT_EQ(telling.stills().size(), 1U);  // of the first tick, which no frame came for
  ASSERT_TRUE(feed->push(frame_.view()));
  clock_->advance_ms(1000);
  telling.step();
  EXPECT_EQ(telling.counters().missed[static_cast<size_t>(Missed::kLate)], 5U);
  EXPECT_EQ(telling.stills().size(), 2U);  // and the still
}

TEST_F(SamplerTest, AFullQueueCountsASnapshotThatItDrops) {
  const auto feed = open(1'000'000);
  sampler_.step();
  show(*feed);
  taken();
  for (int i = 0; i < 6; ++i) {
    feed->request_snapshot();
    ASSERT_TRUE(show(*feed));
  }
  EXPECT_EQ(sampler_.counters().snapshot_stills, 4U);
  EXPECT_EQ(missed_snapshots(MissedSnapshot::kQueueFull), 2U);
  EXPECT_EQ(missed(Missed::kQueueFull), 0U);
}

TEST_F(SamplerTest, AFullQueueDropsAReportWithoutCountingAStill) {
  Sampler telling(clock_, {.slots = 2, .slot_bytes = 64 * 48 * 4, .queue_capacity = 2, .report_missed = true});
  const auto feed = telling.open_feed({kNsPerSecond, {}});
  for (int i = 0; i < 2; ++i) {
    telling.step();
    clock_->advance_ms(1000);
  }
  telling.step();  // one tick is told of
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(feed->push(frame_.view()));
    telling.step();
    clock_->advance_ms(1000);
    telling.step();
  }
  EXPECT_EQ(telling.stills().size(), 2U);
  EXPECT_EQ(telling.counters().tick_stills, 2U);
  EXPECT_EQ(telling.counters().snapshot_stills, 0U);
  EXPECT_EQ(telling.counters().missed[static_cast<size_t>(Missed::kQueueFull)], 0U);
}

TEST_F(SamplerTest, AStillThatCannotBeMadeIsCountedAndTheNextOneIs) {
  const auto feed = open();
  sampler_.step();
  ASSERT_TRUE(feed->push(frame_.view()));
  {
    const NoMemory none;
    sampler_.step();
  }
  EXPECT_EQ(missed(Missed::kEncodeFailed), 1U);
  feed->request_snapshot();
  ASSERT_TRUE(feed->push(frame_.view()));
  {
    const NoMemory none;
    sampler_.step();
  }
  EXPECT_EQ(missed_snapshots(MissedSnapshot::kEncodeFailed), 1U);
  EXPECT_EQ(waiting_ticks(), 0U);
  tick_after(1000);
  EXPECT_TRUE(show(*feed));
  EXPECT_NE(taken(), nullptr);
}

TEST_F(SamplerTest, GrowthWithoutMemoryIsCountedAsSuchAndTriedAgain) {
  const auto feed = open();
  OwnedFrame large(PixelFormat::kBgra, 640, 480);
  EXPECT_FALSE(feed->push(large.view()));
  {
    const NoMemory none;
    sampler_.step();
  }
  EXPECT_EQ(refused(Refused::kNoMemory), 0U);
  EXPECT_FALSE(feed->push(large.view()));
  EXPECT_EQ(refused(Refused::kNoMemory), 1U);
  sampler_.step();
  EXPECT_TRUE(feed->push(large.view()));
  EXPECT_EQ(refused(Refused::kSlotTooSmall), 1U);
  sampler_.step();
  feed->request_snapshot();
  OwnedFrame larger(PixelFormat::kBgra, 800, 600);
  EXPECT_FALSE(feed->push(larger.view()));
  EXPECT_EQ(refused(Refused::kSlotTooSmall), 2U);  // there was memory the last time
}

}  // namespace
}  // namespace stillcast
