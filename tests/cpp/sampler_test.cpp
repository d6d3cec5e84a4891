#include "stillcast/sampler.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "support.h"

namespace stillcast {
namespace {

using testing::ManualClock;
using testing::OwnedFrame;

class SamplerTest : public ::testing::Test {
 protected:
  std::shared_ptr<Feed> open(int64_t interval_ms = 1000) { return sampler_.open_feed({interval_ms * kNsPerMs, {}}); }

  void tick_after(int64_t ms) {
    clock_->advance_ms(ms);
    sampler_.step();
  }

  CapturedStillPtr taken() { return sampler_.stills().take(std::chrono::nanoseconds(0)); }

  // Pushes a frame and lets the sampler serve it.
  bool show(Feed& feed) {
    const bool copied = feed.push(frame_.view());
    sampler_.step();
    return copied;
  }

  uint64_t missed(Missed reason) { return sampler_.counters().missed[static_cast<size_t>(reason)]; }
  uint64_t refused(Refused reason) { return sampler_.counters().refused[static_cast<size_t>(reason)]; }

  // Every tick is a still, missed, or waits for its frame.
  uint64_t waiting_ticks() {
    uint64_t ended = sampler_.counters().tick_stills;
    for (const auto& count : sampler_.counters().missed) ended += count;
    return sampler_.counters().ticks - ended;
  }

  OwnedFrame frame_{PixelFormat::kI420, 64, 48};
  std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>();
  Sampler sampler_{clock_, {.slots = 2, .slot_bytes = 64 * 48 * 4, .queue_capacity = 4}};
};

TEST_F(SamplerTest, AFeedIsWantedOnlyWhenItsTickIsDue) {
  const auto feed = open();
  sampler_.step();
  EXPECT_TRUE(feed->wanted());
  EXPECT_TRUE(show(*feed));
  EXPECT_FALSE(feed->wanted());
  EXPECT_FALSE(show(*feed));
  tick_after(999);
  EXPECT_FALSE(feed->wanted());
  tick_after(1);
  EXPECT_TRUE(feed->wanted());
}

TEST_F(SamplerTest, AStillCarriesItsFactsFromTheFrame) {
  const auto feed = open();
  sampler_.step();
  clock_->advance_ms(30);
  frame_.view().pts_ns = 777;
  ASSERT_TRUE(feed->push(frame_.view()));
  clock_->advance_ms(5);
  sampler_.step();
  const CapturedStillPtr still = taken();
  ASSERT_NE(still, nullptr);
  EXPECT_TRUE(still->tick);
  EXPECT_FALSE(still->snapshot);
  EXPECT_DOUBLE_EQ(still->lateness_ms, 30);
  EXPECT_DOUBLE_EQ(still->frame_age_ms, 5);
  EXPECT_EQ(still->captured_utc_ns, ManualClock::kUtcAtZero + kNsPerSecond + 30 * kNsPerMs);
  EXPECT_EQ(still->source, (Size{64, 48}));
  EXPECT_EQ(still->pts_ns, 777);
}

TEST_F(SamplerTest, TicksKeepTheirPhaseHoweverLateTheFramesAre) {
  const auto feed = open();
  const int64_t origin_ns = clock_->monotonic_ns();
  sampler_.step();
  for (int64_t k = 1; k < 50; ++k) {
    tick_after(300 + k * 7);
    show(*feed);
    EXPECT_EQ((sampler_.next_tick_ns() - origin_ns) % kNsPerSecond, 0);
  }
}

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

TEST_F(SamplerTest, FeedsAreSpreadOverTheInterval) {
  std::vector<std::shared_ptr<Feed>> feeds;
  for (int i = 0; i < 16; ++i) feeds.push_back(open());
  std::array<int, 4> quarters{};
  for (int ms = 0; ms < 1000; ++ms) {
    const uint64_t before = sampler_.counters().ticks;
    sampler_.step();
    quarters[static_cast<size_t>(ms / 250)] += static_cast<int>(sampler_.counters().ticks - before);
    clock_->advance_ms(1);
  }
  for (const int count : quarters) EXPECT_NEAR(count, 4, 1);
}

TEST_F(SamplerTest, ALaterFeedFallsOnTheGridOfTheFirst) {
  const auto first = open();
  clock_->advance_ms(12'345);
  sampler_.step();
  const auto second = open();
  const int64_t phase = static_cast<int64_t>(0.6180339887 * 1000);
  EXPECT_NEAR(static_cast<double>(sampler_.next_tick_ns() / kNsPerMs % 1000), static_cast<double>(phase), 1.0);
}

TEST_F(SamplerTest, ASnapshotTakesTheNextFrameBesideTheTicks) {
  const auto feed = open();
  sampler_.step();
  show(*feed);
  taken();
  feed->request_snapshot();
  EXPECT_TRUE(feed->wanted());
  clock_->advance_ms(20);
  EXPECT_TRUE(show(*feed));
  const CapturedStillPtr still = taken();
  EXPECT_TRUE(still->snapshot);
  EXPECT_FALSE(still->tick);
  EXPECT_DOUBLE_EQ(still->lateness_ms, 20);
  EXPECT_EQ(sampler_.counters().snapshot_stills, 1U);
}

TEST_F(SamplerTest, ASnapshotThatIsTakenBackWantsNoFrame) {
  const auto feed = open();
  sampler_.step();
  show(*feed);
  feed->request_snapshot();
  feed->cancel_snapshot();
  EXPECT_FALSE(feed->wanted());
  feed->request_snapshot();
  tick_after(1000);
  feed->cancel_snapshot();
  EXPECT_TRUE(feed->wanted());  // the tick still wants one
}

TEST_F(SamplerTest, AFrameIsInWorkUntilItsStillIsQueued) {
  const auto feed = open();
  sampler_.step();
  EXPECT_EQ(feed->frames_in_work(), 0);
  ASSERT_TRUE(feed->push(frame_.view()));
  EXPECT_EQ(feed->frames_in_work(), 1);
  sampler_.step();
  EXPECT_EQ(feed->frames_in_work(), 0);
  EXPECT_EQ(sampler_.stills().size(), 1U);
}

TEST_F(SamplerTest, TheFirstFrameIsKeptForSnapshotsAndNotSent) {
  const auto first = open();
  const auto second = open();  // its first tick is due after 618 ms
  EXPECT_TRUE(show(*second));
  EXPECT_NE(second->last_still(), nullptr);
  EXPECT_EQ(taken(), nullptr);
  EXPECT_FALSE(second->wanted());
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

TEST_F(SamplerTest, WithoutAFreeSlotThePushIsRefusedAndTheFeedStaysDue) {
  const std::array feeds{open(), open(), open()};
  EXPECT_TRUE(feeds[0]->push(frame_.view()));
  EXPECT_TRUE(feeds[1]->push(frame_.view()));
  EXPECT_FALSE(feeds[2]->push(frame_.view()));
  EXPECT_EQ(refused(Refused::kNoSlot), 1U);
  EXPECT_TRUE(feeds[2]->wanted());
  sampler_.step();
  EXPECT_EQ(sampler_.ring().free_slots(), 2);
  EXPECT_TRUE(feeds[2]->push(frame_.view()));
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

TEST_F(SamplerTest, AFrameThatWasCopiedBeforeTheCloseBecomesAStill) {
  const auto feed = open();
  sampler_.step();
  ASSERT_TRUE(feed->push(frame_.view()));
  feed->close();
  sampler_.step();
  EXPECT_NE(taken(), nullptr);
  EXPECT_TRUE(feed->retired());
}

TEST_F(SamplerTest, StoppingMakesStillsOfWhatWasCopiedAndEndsTheQueue) {
  const auto feed = open();
  sampler_.step();
  ASSERT_TRUE(feed->push(frame_.view()));
  sampler_.stop();
  EXPECT_NE(taken(), nullptr);
  EXPECT_EQ(sampler_.stills().take(std::chrono::hours(1)), nullptr);
  EXPECT_FALSE(feed->push(frame_.view()));
  EXPECT_EQ(feed.use_count(), 1);
  EXPECT_EQ(waiting_ticks(), 0U);
}

}  // namespace
}  // namespace stillcast
