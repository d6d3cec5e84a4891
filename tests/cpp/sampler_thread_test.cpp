// The sampler's own thread: whatever it has to look at wakes it. It would sleep for an hour otherwise.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "stillcast/sampler.h"
#include "support.h"

namespace stillcast {
namespace {

using testing::OwnedFrame;

constexpr int64_t kHour = 3600 * kNsPerSecond;
constexpr std::chrono::seconds kPatience{20};

class SamplerThread : public ::testing::Test {
 protected:
  template <typename Condition>
  static bool comes_true(Condition condition) {
    const auto patience = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > patience) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }

  // Lets the thread come to its sleep; a test that is too early for that sees less.
  static void let_it_sleep() { std::this_thread::sleep_for(std::chrono::milliseconds(50)); }

  OwnedFrame frame_{PixelFormat::kGray8, 64, 48};
  Sampler sampler_{std::make_shared<SystemClock>(),
                   {.slots = 2, .slot_bytes = 64 * 48, .queue_capacity = 4, .longest_wait_ns = kHour}};
};

TEST_F(SamplerThread, IsWokenByAFeedThatIsOpened) {
  sampler_.start();
  let_it_sleep();
  const auto feed = sampler_.open_feed({kHour, {}});
  EXPECT_TRUE(comes_true([this] { return sampler_.counters().ticks == 1; }));
}

TEST_F(SamplerThread, IsWokenByAFeedThatIsToTickSooner) {
  const auto feed = sampler_.open_feed({kHour, {}});
  sampler_.start();
  let_it_sleep();
  feed->change({50 * kNsPerMs, {}});
  EXPECT_TRUE(comes_true([this] { return sampler_.counters().ticks >= 3; }));
}

TEST_F(SamplerThread, IsWokenByAFrame) {
  const auto feed = sampler_.open_feed({kHour, {}});
  sampler_.start();
  let_it_sleep();
  ASSERT_TRUE(feed->push(frame_.view()));
  EXPECT_NE(sampler_.stills().take(kPatience), nullptr);
}

TEST_F(SamplerThread, IsWokenByAFrameThatNeedsLargerSlots) {
  OwnedFrame large(PixelFormat::kGray8, 640, 480);
  const auto feed = sampler_.open_feed({kHour, {}});
  sampler_.start();
  let_it_sleep();
  ASSERT_FALSE(feed->push(large.view()));
  EXPECT_TRUE(comes_true([&] { return feed->push(large.view()); }) && sampler_.stills().take(kPatience) != nullptr);
}

TEST_F(SamplerThread, IsWokenByTheStop) {
  sampler_.start();
  let_it_sleep();
  std::atomic<bool> stopped{false};
  std::thread stopper([&] {
    sampler_.stop();
    stopped = true;
  });
  EXPECT_TRUE(comes_true([&stopped] { return stopped.load(); }));
  const auto feed = sampler_.open_feed({kHour, {}});  // wakes it, so that a broken test ends too
  stopper.join();
}

TEST_F(SamplerThread, FiresTheNextTickWhenItIsDue) {
  const auto feed = sampler_.open_feed({50 * kNsPerMs, {}});
  sampler_.start();
  EXPECT_TRUE(comes_true([this] { return sampler_.counters().ticks >= 3; }));
}

}  // namespace
}  // namespace stillcast
