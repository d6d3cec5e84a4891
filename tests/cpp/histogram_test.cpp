#include "stillcast/histogram.h"

#include <gtest/gtest.h>

#include <numeric>

#include "sampler_fixture.h"

namespace stillcast {
namespace {

using SamplerTest = testing::SamplerTest;

size_t bucket_of(double bound_ms) {
  const auto& bounds = DelayHistogram::kBoundsMs;
  return static_cast<size_t>(std::find(bounds.begin(), bounds.end(), bound_ms) - bounds.begin());
}

uint64_t total(const DelayHistogram& histogram) {
  const auto counts = histogram.counts();
  return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
}

TEST(DelayHistogram, ABoundBelongsToItsBucketAndWhatIsLongerThanAllHasOneToo) {
  DelayHistogram histogram;
  histogram.count(5 * kNsPerMs);
  histogram.count(5 * kNsPerMs + 1);
  histogram.count(3600 * kNsPerSecond);
  histogram.count(-7);
  const auto counts = histogram.counts();
  EXPECT_EQ(counts[bucket_of(5)], 1U);
  EXPECT_EQ(counts[bucket_of(10)], 1U);
  EXPECT_EQ(counts.back(), 1U);
  EXPECT_EQ(counts.front(), 1U);
  EXPECT_EQ(total(histogram), 4U);
  EXPECT_NEAR(histogram.sum_ms(), 3'600'010, 0.001);
}

TEST(DelayHistogram, ItsBoundsRise) {
  const auto& bounds = DelayHistogram::kBoundsMs;
  EXPECT_TRUE(std::is_sorted(bounds.begin(), bounds.end(), std::less_equal<>{}));
}

TEST_F(SamplerTest, LatenessOfTicksAndAgesOfFramesAreCounted) {
  const auto feed = open();
  sampler_.step();
  clock_->advance_ms(30);
  ASSERT_TRUE(feed->push(frame_.view()));
  clock_->advance_ms(4);
  sampler_.step();
  EXPECT_EQ(sampler_.counters().lateness.counts()[bucket_of(30)], 1U);
  EXPECT_EQ(sampler_.counters().frame_age.counts()[bucket_of(5)], 1U);
  EXPECT_DOUBLE_EQ(sampler_.counters().lateness.sum_ms(), 30);
  EXPECT_DOUBLE_EQ(sampler_.counters().frame_age.sum_ms(), 4);
}

TEST_F(SamplerTest, ASnapshotIsNotLateAndAFirstPictureIsNeither) {
  const auto first = open();
  const auto feed = open();  // its first tick is due after 618 ms
  show(*feed);
  EXPECT_EQ(total(sampler_.counters().frame_age), 0U);
  feed->request_snapshot();
  clock_->advance_ms(10);
  show(*feed);
  EXPECT_EQ(total(sampler_.counters().frame_age), 1U);
  EXPECT_EQ(total(sampler_.counters().lateness), 0U);
}

}  // namespace
}  // namespace stillcast
