#include "stillcast/wakeup.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "stillcast/clock.h"

namespace stillcast {
namespace {

constexpr int64_t kLong = 20 * kNsPerSecond;

TEST(Wakeup, WhatWasNotifiedBeforeEndsTheWaitAtOnceAndOnlyOnce) {
  Wakeup wakeup;
  wakeup.notify();
  wakeup.notify();
  EXPECT_TRUE(wakeup.wait(kLong));
  EXPECT_FALSE(wakeup.wait(0));
}

TEST(Wakeup, ANotificationEndsAWaitEveryTime) {
  Wakeup wakeup;
  for (int i = 0; i < 3; ++i) {
    std::thread notifier([&wakeup] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));  // into the wait; if not, the test sees less
      wakeup.notify();
    });
    EXPECT_TRUE(wakeup.wait(kLong));
    notifier.join();
  }
}

TEST(Wakeup, AWaitIsNeverShorterThanItWasTold) {
  Wakeup wakeup;
  for (const int64_t wait_ns : {kNsPerMs / 10 * 9, kNsPerMs + 1}) {
    const int64_t before_ns = SystemClock().monotonic_ns();
    EXPECT_FALSE(wakeup.wait(wait_ns));
    EXPECT_GE(SystemClock().monotonic_ns() - before_ns, wait_ns);
  }
}

TEST(Wakeup, WhatIsDueAlreadyIsNotWaitedFor) {
  Wakeup wakeup;
  EXPECT_FALSE(wakeup.wait(-kLong));
}

// poll() counts milliseconds in an int, where this one would be none at all.
TEST(Wakeup, AWaitOfWeeksIsOneToo) {
  Wakeup wakeup;
  std::thread notifier([&wakeup] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // into the wait; if not, the test sees less
    wakeup.notify();
  });
  EXPECT_TRUE(wakeup.wait(kNsPerMs << 32));
  notifier.join();
}

}  // namespace
}  // namespace stillcast
