// A running feed gets other settings.

#include <gtest/gtest.h>

#include "sampler_fixture.h"

namespace stillcast {
namespace {

using SamplerTest = testing::SamplerTest;

TEST_F(SamplerTest, AChangedIntervalGivesNewTicksOnTheFeedsGrid) {
  const auto feed = open();
  const int64_t origin_ns = clock_->monotonic_ns();
  sampler_.step();
  show(*feed);
  clock_->advance_ms(300);
  EXPECT_TRUE(feed->change({100 * kNsPerMs, {}}));
  EXPECT_EQ(sampler_.next_tick_ns(), origin_ns + 300 * kNsPerMs);
  sampler_.step();
  EXPECT_TRUE(feed->wanted());
  EXPECT_EQ(sampler_.next_tick_ns(), origin_ns + 400 * kNsPerMs);
  EXPECT_EQ(feed->settings().interval_ns, 100 * kNsPerMs);
}

TEST_F(SamplerTest, ATickThatWaitsForItsFrameWaitsOnWhenTheIntervalChanges) {
  const auto feed = open();
  sampler_.step();
  clock_->advance_ms(10);
  feed->change({5000 * kNsPerMs, {}});
  EXPECT_TRUE(feed->wanted());
  EXPECT_TRUE(show(*feed));
  EXPECT_DOUBLE_EQ(taken()->lateness_ms, 10);
}

TEST_F(SamplerTest, TheNextStillHasTheNewSizeAndQualityAndTicksStayWhereTheyWere) {
  const auto feed = open();
  frame_.randomise(3);
  sampler_.step();
  show(*feed);
  const CapturedStillPtr before = taken();
  const int64_t next_ns = sampler_.next_tick_ns();
  EXPECT_TRUE(feed->change({kNsPerSecond, {{32, 32}, 80}}));
  EXPECT_EQ(sampler_.next_tick_ns(), next_ns);
  tick_after(1000);
  show(*feed);
  const CapturedStillPtr smaller = taken();
  EXPECT_EQ(smaller->still.size, (Size{32, 24}));
  feed->change({kNsPerSecond, {{64, 48}, 10}});
  tick_after(1000);
  show(*feed);
  const CapturedStillPtr coarser = taken();
  EXPECT_EQ(coarser->still.size, before->still.size);
  EXPECT_LT(coarser->still.jpeg.size(), before->still.jpeg.size());
}

TEST_F(SamplerTest, AClosedFeedIsNotChanged) {
  const auto feed = open();
  feed->close();
  EXPECT_FALSE(feed->change({100 * kNsPerMs, {}}));
  EXPECT_EQ(feed->settings().interval_ns, kNsPerSecond);
  sampler_.step();
  EXPECT_FALSE(feed->change({100 * kNsPerMs, {}}));
}

}  // namespace
}  // namespace stillcast
