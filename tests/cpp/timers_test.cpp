#include "stillcast/timers.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <vector>

#include "allocations.h"
#include "stillcast/feed.h"
#include "support.h"

namespace stillcast {
namespace {

using testing::allocations;
using testing::ManualClock;

constexpr int64_t kInterval = kNsPerSecond;

class TimersTest : public ::testing::Test {
 protected:
  ~TimersTest() override {
    while (timers().take_any()) {
    }
  }

  Timers& timers() { return *intake_->timers.operator->(); }

  Feed& add(int64_t interval_ns = kInterval, int64_t now_ns = 0) {
    feeds_.push_back(std::make_shared<Feed>(intake_, feeds_.size(), FeedSettings{interval_ns, {}}, now_ns));
    timers().add(feeds_.back(), interval_ns, now_ns);
    return *feeds_.back();
  }

  // Ticks that are due by then, at most `most`.
  std::vector<std::pair<uint64_t, int64_t>> due(int64_t now_ns, size_t most = 100'000) {
    std::vector<DueTick> ticks(most);
    ticks.resize(timers().take_due(now_ns, ticks));
    std::vector<std::pair<uint64_t, int64_t>> due;
    for (const DueTick& tick : ticks) due.emplace_back(tick.feed->id(), tick.due_ns);
    return due;
  }

  std::shared_ptr<Intake> intake_ = std::make_shared<Intake>(std::make_shared<ManualClock>(), 1, 100);
  std::vector<std::shared_ptr<Feed>> feeds_;
};

TEST_F(TimersTest, TenThousandFeedsTickOnceAnIntervalEvenlySpreadAndInOrder) {
  constexpr size_t kFeeds = 10'000;
  for (size_t i = 0; i < kFeeds; ++i) add();
  for (int64_t ms = 0; ms < 1000; ms += 10) {
    const auto ticks = due(ms * kNsPerMs + 10 * kNsPerMs - 1);
    EXPECT_NEAR(static_cast<double>(ticks.size()), kFeeds / 100.0, 3);
    for (size_t i = 1; i < ticks.size(); ++i) EXPECT_LE(ticks[i - 1].second, ticks[i].second);
  }
  EXPECT_EQ(due(2 * kInterval - 1).size(), kFeeds);
}

TEST_F(TimersTest, WhatIsDueIsGivenInPiecesOldestFirstAndWithoutMemory) {
  for (int i = 0; i < 100; ++i) add();
  std::array<DueTick, 64> ticks;
  const int before = allocations();
  const size_t first = timers().take_due(kInterval - 1, ticks);
  const int64_t last_ns = ticks[63].due_ns;
  const size_t second = timers().take_due(kInterval - 1, ticks);
  EXPECT_EQ(allocations(), before);
  EXPECT_EQ(first, 64U);
  EXPECT_EQ(second, 36U);
  EXPECT_GT(ticks[0].due_ns, last_ns);
}

TEST_F(TimersTest, TicksThatWereNotFiredInTheirIntervalAreSkippedAndTheGridIsKept) {
  add();
  std::array<DueTick, 2> ticks;
  ASSERT_EQ(timers().take_due(5 * kInterval / 2, ticks), 1U);
  EXPECT_EQ(ticks[0].due_ns, 2 * kInterval);
  EXPECT_EQ(ticks[0].skipped, 2);
  EXPECT_EQ(timers().next_ns(), 3 * kInterval);
}

TEST_F(TimersTest, TheyTellWhenTheNextTickOfAllIsSooner) {
  const auto feed = [this](uint64_t id) { return std::make_shared<Feed>(intake_, id, FeedSettings{}, 0); };
  const auto first = feed(1);
  const auto later = feed(2);
  EXPECT_TRUE(timers().add(first, 100 * kInterval, 0));
  EXPECT_FALSE(timers().add(later, 1000 * kInterval, 0));
  EXPECT_TRUE(timers().change(*later, kInterval, 0));
  EXPECT_FALSE(timers().change(*first, 50 * kInterval, 0));
}

TEST_F(TimersTest, AFeedThatChangesGetsThePhaseThatItWouldHaveHadFromTheStart) {
  for (int i = 0; i < 10; ++i) add(7 * kInterval);
  for (const auto& feed : feeds_) timers().change(*feed, kInterval, 123 * kInterval);
  const auto changed = due(124 * kInterval - 1);
  while (timers().take_any()) {
  }
  feeds_.clear();
  for (int i = 0; i < 10; ++i) add(kInterval, i == 0 ? 0 : 123 * kInterval);
  EXPECT_EQ(due(124 * kInterval - 1), changed);
}

TEST_F(TimersTest, AChangeToTheSameIntervalMovesNoTick) {
  Feed& feed = add();
  due(0);
  EXPECT_EQ(timers().next_ns(), kInterval);
  EXPECT_FALSE(timers().change(feed, kInterval, 5 * kInterval));
  EXPECT_EQ(timers().next_ns(), kInterval);
}

TEST_F(TimersTest, AnyFeedLeavesAtOnceAndOneThatLeftIsNotChanged) {
  for (int i = 0; i < 5; ++i) add();
  timers().remove(*feeds_[2]);
  timers().remove(*feeds_[2]);
  EXPECT_FALSE(timers().change(*feeds_[2], kInterval / 10, 0));
  EXPECT_EQ(feeds_[2].use_count(), 1);
  EXPECT_EQ(timers().size(), 4U);
  for (const auto& [id, due_ns] : due(kInterval - 1)) EXPECT_NE(id, 2U);
}

TEST_F(TimersTest, AfterTheCloseNoFeedTicksAndNoneIsAdded) {
  add();
  timers().close();
  EXPECT_FALSE(feeds_[0]->wanted());
  EXPECT_TRUE(due(10 * kInterval).empty());
  add();
  EXPECT_EQ(timers().size(), 1U);
  EXPECT_EQ(timers().take_any(), feeds_[0]);
  EXPECT_EQ(timers().take_any(), nullptr);
  EXPECT_EQ(timers().next_ns(), std::numeric_limits<int64_t>::max());
  intake_->backlog->drop_listed();
}

}  // namespace
}  // namespace stillcast
