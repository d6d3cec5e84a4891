#include "stillcast/sampler.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "sampler_fixture.h"

namespace stillcast {
namespace {

using testing::ManualClock;
using testing::OwnedFrame;

using SamplerTest = testing::SamplerTest;

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

TEST_F(SamplerTest, AFeedTellsHowLongUntilItIsDue) {
  const auto feed = open();
  sampler_.step();
  EXPECT_EQ(feed->due_in_ns(), 0);
  show(*feed);
  EXPECT_EQ(feed->due_in_ns(), 1000 * kNsPerMs);
  tick_after(400);
  EXPECT_EQ(feed->due_in_ns(), 600 * kNsPerMs);
  feed->change({500 * kNsPerMs, {}});
  EXPECT_EQ(feed->due_in_ns(), 100 * kNsPerMs);
  clock_->advance_ms(130);
  EXPECT_EQ(feed->due_in_ns(), -30 * kNsPerMs);
  sampler_.step();
  EXPECT_EQ(feed->due_in_ns(), 0);
  show(*feed);
  EXPECT_EQ(feed->due_in_ns(), 470 * kNsPerMs);
  feed->request_snapshot();
  EXPECT_EQ(feed->due_in_ns(), 0);
  feed->close();
  EXPECT_EQ(feed->due_in_ns(), std::nullopt);
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

TEST_F(SamplerTest, AStillForATickAndASnapshotIsAsLateAsTheTick) {
  const auto feed = open();
  sampler_.step();
  clock_->advance_ms(10);
  feed->request_snapshot();
  clock_->advance_ms(20);
  ASSERT_TRUE(show(*feed));
  const CapturedStillPtr still = taken();
  EXPECT_TRUE(still->tick && still->snapshot);
  EXPECT_DOUBLE_EQ(still->lateness_ms, 30);
}

TEST_F(SamplerTest, ASnapshotIsAsLateAsTheFirstWhoAskedForIt) {
  const auto feed = open();
  sampler_.step();
  show(*feed);
  taken();
  for (int i = 0; i < 2; ++i) {
    feed->request_snapshot();
    clock_->advance_ms(10);
  }
  ASSERT_TRUE(show(*feed));
  EXPECT_DOUBLE_EQ(taken()->lateness_ms, 20);
}

TEST_F(SamplerTest, AFeedThatIsOpenedOnItsGridTicksAtOnceAndOneLaterOnTheNext) {
  const auto first = open(3'600'000);
  const auto second = open();
  sampler_.step();
  const int64_t on_grid_ns = sampler_.next_tick_ns();  // of the second: the first one's next is an hour away
  for (const int64_t late_ns : {0, 1}) {
    const auto clock = std::make_shared<ManualClock>();
    Sampler sampler(clock, {.slots = 1, .slot_bytes = 100, .queue_capacity = 4});
    const auto other = sampler.open_feed(first->settings());
    sampler.step();
    clock->advance_ns(on_grid_ns + 5 * kNsPerSecond + late_ns - clock->monotonic_ns());
    const auto feed = sampler.open_feed(second->settings());
    EXPECT_EQ(sampler.next_tick_ns(), on_grid_ns + (5 + late_ns) * kNsPerSecond);
  }
}

TEST_F(SamplerTest, AFeedThatIsOpenedAfterTheStopIsClosedAndForgotten) {
  sampler_.stop();
  const auto feed = open();
  EXPECT_TRUE(feed->retired());
  EXPECT_FALSE(feed->wanted());
  EXPECT_FALSE(feed->push(frame_.view()));
  EXPECT_EQ(feed.use_count(), 1);
  EXPECT_EQ(sampler_.next_tick_ns(), std::numeric_limits<int64_t>::max());
  EXPECT_NE(feed->id(), open()->id());
}

}  // namespace
}  // namespace stillcast
