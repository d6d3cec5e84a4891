// A host that forks: what a child may do with what it inherits, and that the parent does not notice.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <thread>

#include "stillcast/sampler.h"
#include "support.h"

namespace stillcast {
namespace {

using testing::ManualClock;
using testing::OwnedFrame;

// Runs `child` in a forked process; true if it returned true. A child that hangs is killed by its alarm.
template <typename Child>
bool in_forked_child(Child child) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::alarm(30);
    ::_exit(child() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Holds up the thread that asks for the time while held, so that a fork finds it in the middle of its work.
class HeldClock final : public Clock {
 public:
  [[nodiscard]] int64_t monotonic_ns() const noexcept override {
    asked_ = true;
    while (held_) std::this_thread::yield();
    return system_.monotonic_ns();
  }
  [[nodiscard]] int64_t utc_ns() const noexcept override { return system_.utc_ns(); }

  void hold() {
    asked_ = false;
    held_ = true;
  }
  void wait_until_asked() const {
    while (!asked_) std::this_thread::yield();
  }
  void let_go() { held_ = false; }

 private:
  SystemClock system_;
  mutable std::atomic<bool> asked_{false};
  std::atomic<bool> held_{false};
};

class ForkTest : public ::testing::Test {
 protected:
  OwnedFrame frame_{PixelFormat::kGray8, 64, 48};
  std::unique_ptr<Sampler> sampler_ = std::make_unique<Sampler>(
      std::make_shared<SystemClock>(), SamplerOptions{.slots = 4, .slot_bytes = 64 * 64, .longest_wait_ns = kHour});
  std::shared_ptr<Feed> feed_ = sampler_->open_feed({kHour, {}});

  static constexpr int64_t kHour = 3600 * kNsPerSecond;
  static constexpr std::chrono::seconds kPatience{30};
};

TEST_F(ForkTest, AChildWantsNothingAndTheParentGoesOn) {
  sampler_->start();
  EXPECT_TRUE(feed_->wanted());
  EXPECT_TRUE(in_forked_child([this] {
    const bool refused = feed_->in_child() && !feed_->wanted() && !feed_->due_in_ns() && !feed_->push(frame_.view());
    feed_->request_snapshot();
    return refused && !feed_->wanted() && feed_->last_still() == nullptr;
  }));
  EXPECT_FALSE(feed_->in_child());
  EXPECT_TRUE(feed_->push(frame_.view()));
  EXPECT_NE(sampler_->stills().take(kPatience), nullptr);
}

TEST_F(ForkTest, AChildLetsGoOfARunningSamplerWhileSomebodyWaitsForItsQueue) {
  sampler_->start();
  std::thread taker([this] {
    while (sampler_->stills().take(kPatience) != nullptr) {
    }
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // into its wait; if not, the test sees less
  EXPECT_TRUE(in_forked_child([this] {
    sampler_->stop();
    feed_->close();
    sampler_.reset();  // would wait for the taker's thread, or join one that is not there
    feed_.reset();
    return true;
  }));
  while (sampler_->counters().ticks == 0) std::this_thread::yield();  // the frame shall be that of the first tick
  EXPECT_TRUE(feed_->push(frame_.view()));
  sampler_->stop();
  taker.join();
  EXPECT_EQ(sampler_->counters().tick_stills, 1U);
}

TEST_F(ForkTest, AChildWaitsForNoLockThatAnotherThreadHeldAtTheFork) {
  const auto clock = std::make_shared<HeldClock>();
  Sampler sampler(clock, {.slots = 4, .slot_bytes = 64 * 64});
  const auto feed = sampler.open_feed({kHour, {}});
  clock->hold();
  std::thread holder([&feed] { feed->request_snapshot(); });  // asks for the time with the feed's mutex held
  clock->wait_until_asked();
  EXPECT_TRUE(in_forked_child([&] {
    feed->request_snapshot();
    feed->cancel_snapshot();
    return feed->last_still() == nullptr && !feed->change({kNsPerSecond, {}}) && !feed->push(frame_.view());
  }));
  clock->let_go();
  holder.join();
}

TEST_F(ForkTest, AFeedThatIsOpenedInAChildIsClosedAndTheSamplerNeitherStartsNorTouchesItsTimers) {
  EXPECT_TRUE(in_forked_child([this] {
    const int64_t next_tick_ns = sampler_->next_tick_ns();
    sampler_->start();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // a thread would fire the first tick
    const auto feed = sampler_->open_feed({kHour, {}});
    sampler_->stop();
    if (sampler_->next_tick_ns() != next_tick_ns || sampler_->counters().ticks != 0) return false;
    return sampler_->in_child() && feed->retired() && !feed->wanted() && !feed->push(frame_.view());
  }));
  sampler_->start();
  EXPECT_TRUE(feed_->push(frame_.view()));
  EXPECT_NE(sampler_->stills().take(kPatience), nullptr);
}

TEST_F(ForkTest, WhatIsMadeInAChildWorksThere) {
  sampler_->start();
  // A thread that begins holds locks of the sanitizer's allocator, which forks do not look after.
  ASSERT_TRUE(feed_->push(frame_.view()));
  ASSERT_NE(sampler_->stills().take(kPatience), nullptr);
  EXPECT_TRUE(in_forked_child([this] {
    Sampler own(std::make_shared<ManualClock>(), {.slots = 1, .slot_bytes = 64 * 64});
    const auto feed = own.open_feed({kHour, {}});
    own.step();
    const bool pushed = feed->push(frame_.view());
    own.step();
    return pushed && own.stills().take(std::chrono::nanoseconds(0)) != nullptr && !own.in_child();
  }));
}

}  // namespace
}  // namespace stillcast
