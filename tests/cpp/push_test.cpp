// What push promises to hosts: no waiting for a slower thread, no allocation.

#include <gtest/gtest.h>

#include <array>
#include <thread>

#include "allocations.h"
#include "stillcast/sampler.h"
#include "support.h"
#include "trap_clock.h"

namespace stillcast {
namespace {

using testing::allocations;
using testing::OwnedFrame;
using testing::TrapClock;

class PushTest : public ::testing::Test {
 protected:
  OwnedFrame frame_{PixelFormat::kI420, 64, 48};
  std::shared_ptr<TrapClock> clock_ = std::make_shared<TrapClock>();
  Sampler sampler_{clock_, {.slots = 4, .slot_bytes = 64 * 48 * 4, .queue_capacity = 4}};
  std::shared_ptr<Feed> feed_ = sampler_.open_feed({1000 * kNsPerSecond, {}});
};

TEST_F(PushTest, ReturnsWhileAnotherThreadHoldsTheFeedsLock) {
  std::thread holder([this] {
    clock_->set();
    feed_->request_snapshot();  // asks for the time with the feed's mutex held
  });
  clock_->wait_until_caught(holder);
  EXPECT_TRUE(feed_->push(frame_.view()));
  EXPECT_FALSE(feed_->push(frame_.view()));
  clock_->release(holder);
  holder.join();
}

TEST_F(PushTest, ReturnsWhileTheSamplerIsHeldUpInTheMiddleOfAStill) {
  ASSERT_TRUE(feed_->push(frame_.view()));
  std::thread sampler([this] {
    sampler_.step();  // opens the gate for the first tick
    feed_->push(frame_.view());
    clock_->set();
    sampler_.step();
  });
  clock_->wait_until_caught(sampler);
  feed_->push(frame_.view());
  const auto other = sampler_.open_feed({1000 * kNsPerSecond, {}});
  other->request_snapshot();
  EXPECT_TRUE(other->push(frame_.view()));
  clock_->release(sampler);
  sampler.join();
}

// Two threads that find the gate open at once: one of them copies.
TEST_F(PushTest, OfTwoThreadsAtOneGateOneCopies) {
  constexpr int kRounds = 50'000;
  std::atomic<int> arrived{0};
  std::atomic<int> copied{0};
  const auto push_together = [&](int round) {
    ++arrived;
    for (int spins = 0; arrived < 2 * round; ++spins) {
      if (spins > 1000) std::this_thread::yield();
    }
    copied += feed_->push(frame_.view());
  };
  std::atomic<int> done{0};
  std::thread other([&] {
    for (int round = 1; round <= kRounds; ++round, ++done) push_together(round);
  });
  for (int round = 1; round <= kRounds; ++round) {
    push_together(round);
    while (done < round) std::this_thread::yield();
    feed_->request_snapshot();
  }
  other.join();
  EXPECT_EQ(copied, kRounds);
}

TEST_F(PushTest, ASlotThatIsInUseWhileTheOthersGrowGrowsWhenItComesFree) {
  OwnedFrame large(PixelFormat::kBgra, 640, 480);
  std::array<std::shared_ptr<Feed>, 4> others;
  for (auto& other : others) {
    other = sampler_.open_feed({1000 * kNsPerSecond, {}});
    other->request_snapshot();
  }
  std::thread host([this] {
    clock_->set();
    EXPECT_TRUE(feed_->push(frame_.view()));  // asks for the time with its slot in hand
  });
  clock_->wait_until_caught(host);
  EXPECT_FALSE(others[0]->push(large.view()));
  sampler_.step();
  EXPECT_TRUE(others[0]->push(large.view()));
  clock_->release(host);
  host.join();
  sampler_.step();
  for (const auto& other : others) {
    other->request_snapshot();
    EXPECT_TRUE(other->push(large.view()));
  }
}

TEST_F(PushTest, AFrameThatComesWhileTheSamplerStopsIsLetGoOf) {
  std::thread host([this] {
    clock_->set();
    EXPECT_TRUE(feed_->push(frame_.view()));  // asks for the time before the frame is published
  });
  clock_->wait_until_caught(host);
  sampler_.stop();
  clock_->release(host);
  host.join();
  EXPECT_EQ(feed_.use_count(), 1);
  EXPECT_EQ(sampler_.ring().free_slots(), 3);
  feed_.reset();
  EXPECT_EQ(sampler_.ring().free_slots(), 4);
}

// The last frame of a feed that the stopping sampler has served already: nobody else will come for it.
TEST_F(PushTest, AFrameThatComesAfterTheLastStillIsLetGoOf) {
  const auto other = sampler_.open_feed({1000 * kNsPerSecond, {}});
  other->request_snapshot();
  std::thread host([this] {
    clock_->set();
    feed_->push(frame_.view());
  });
  clock_->wait_until_caught(host);
  feed_->close();  // listed, and so served, before the other one
  ASSERT_TRUE(other->push(frame_.view()));
  std::thread stopper([this] {
    clock_->set();
    sampler_.stop();  // asks for the time when it makes the other feed's still
  });
  clock_->wait_until_caught(stopper);
  clock_->release(host);
  host.join();
  clock_->release(stopper);
  stopper.join();
  EXPECT_EQ(feed_.use_count(), 1);
  EXPECT_EQ(sampler_.ring().free_slots(), 4);
}

TEST_F(PushTest, AllocatesNothing) {
  OwnedFrame large(PixelFormat::kBgra, 640, 480);
  const int before = allocations();
  bool copied = feed_->push(frame_.view());
  for (int i = 0; i < 100; ++i) copied = feed_->push(frame_.view()) || copied;
  const auto shared = feed_;
  shared->push(large.view());
  shared->close();
  shared->push(frame_.view());
  EXPECT_EQ(allocations(), before);
  EXPECT_TRUE(copied);
}

TEST_F(PushTest, TheCounterOfAllocationsCounts) {
  const int before = allocations();
  sampler_.step();
  const auto another = sampler_.open_feed({kNsPerSecond, {}});
  EXPECT_GT(allocations(), before);
}

}  // namespace
}  // namespace stillcast
