// What a still costs in memory once everything has been made: the bytes of its JPEG, and nothing else.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "allocations.h"
#include "sampler_fixture.h"
#include "stillcast/still_pool.h"

namespace stillcast {
namespace {

using testing::allocations;
using SamplerTest = testing::SamplerTest;

constexpr int kStills = 100;

// What the encoder asks for, its output included, in a state as steady.
int allocations_of_the_maker(const FrameView& frame) {
  StillMaker maker;
  const auto make = [&] {
    EncodedStill still;
    EXPECT_TRUE(maker.make(frame, {}, still).is_ok());
  };
  make();
  const int before = allocations();
  for (int i = 0; i < kStills; ++i) make();
  return allocations() - before;
}

TEST_F(SamplerTest, AStillInSteadyStateCostsWhatItsMakerAsksForAndNothingElse) {
  const std::array feeds{open(100), open(100), open(100)};
  int stills = 0;
  const auto one_interval = [&] {
    for (const auto& feed : feeds) {
      tick_after(34);
      feed->push(frame_.view());
      sampler_.step();
      stills += taken() != nullptr;
    }
  };
  for (int i = 0; i < 10; ++i) one_interval();
  stills = 0;
  const int before = allocations();
  while (stills < kStills) one_interval();
  const int of_all = allocations() - before;
  EXPECT_EQ(of_all, allocations_of_the_maker(frame_.view()) * stills / kStills);
  EXPECT_GE(of_all, stills);  // the counter counts
}

TEST_F(SamplerTest, MissedTicksReportsAndChangesCostNothingInSteadyState) {
  Sampler telling(clock_, {.slots = 2, .slot_bytes = 64 * 48 * 4, .queue_capacity = 64, .report_missed = true});
  const auto feed = telling.open_feed({kNsPerSecond, {}});
  const auto one_round = [&](int64_t i) {
    clock_->advance_ms(1000);
    telling.step();
    ASSERT_NE(telling.stills().take(std::chrono::nanoseconds(0)), nullptr);
    feed->change({kNsPerSecond + i % 2, {{64, 48}, 70}});
  };
  telling.step();
  for (int i = 0; i < 4; ++i) one_round(i);
  const int before = allocations();
  for (int i = 0; i < 100; ++i) one_round(i);
  EXPECT_EQ(allocations(), before);
}

TEST(StillPool, UsesTheMemoryOfStillsThatAreGone) {
  StillPool pool;
  const CapturedStill* first = pool.make().get();
  const auto second = pool.make();
  EXPECT_EQ(second.get(), first);
  EXPECT_NE(pool.make().get(), first);
  const int before = allocations();
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(pool.make()->tick);
  EXPECT_EQ(allocations(), before);
}

TEST(StillPool, AStillOutlivesIt) {
  std::shared_ptr<CapturedStill> still;
  {
    StillPool pool;
    still = pool.make();
  }
  still->still.jpeg.assign(1000, 7);
  EXPECT_EQ(still->still.jpeg.back(), 7);
}

TEST(StillPool, AForkedChildLeavesItAlone) {
  StillPool pool;
  auto still = pool.make();
  const auto* place = still.get();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::alarm(30);
    still.reset();
    ::_exit(pool.make().get() == place ? 1 : 0);  // it was not given back
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace stillcast
