#include "stillcast/parking.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace stillcast {
namespace {

TEST(Parking, WhoeverIsAboutToSleepWhenItIsWokenDoesNotSleep) {
  Parking parking;
  parking.lie_down();
  parking.wake_one();
  parking.sleep();
}

TEST(Parking, WhoeverStaysIsNotWokenAndLeavesNoWakingBehind) {
  Parking parking;
  parking.lie_down();
  parking.stay();
  parking.wake_one();  // nobody sleeps: nothing is written
  parking.lie_down();
  parking.wake_one();
  parking.stay();  // woken meanwhile: takes the byte that is its own
  std::atomic<bool> woken{false};
  std::thread sleeper([&] {
    parking.lie_down();
    parking.sleep();
    woken = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // a byte left behind would have woken it
  EXPECT_FALSE(woken);
  parking.wake_all(1);
  sleeper.join();
}

// Work is a number here; a waking that is lost leaves it undone, and the test hangs.
TEST(Parking, NoWorkIsSleptOver) {
  constexpr int kWork = 30'000;
  Parking parking;
  std::atomic<int> work{0};
  std::atomic<int> done{0};
  const auto take = [&] {
    int left = work.load();
    while (left > 0 && !work.compare_exchange_weak(left, left - 1)) {
    }
    done += left > 0;
    return left > 0;
  };
  std::atomic<bool> over{false};
  std::vector<std::thread> workers;
  for (int i = 0; i < 3; ++i) {
    workers.emplace_back([&] {
      while (!over) {
        if (take()) continue;
        parking.lie_down();
        if (take()) {
          parking.stay();
        } else {
          parking.sleep();
        }
      }
    });
  }
  for (int i = 0; i < kWork; ++i) {
    ++work;
    parking.wake_one();
    if (i % 100 == 0) {
      while (done <= i) std::this_thread::yield();
    }
  }
  while (done < kWork) std::this_thread::yield();
  over = true;
  parking.wake_all(3);
  for (std::thread& worker : workers) worker.join();
}

}  // namespace
}  // namespace stillcast
