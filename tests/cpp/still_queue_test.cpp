#include "stillcast/still_queue.h"

#include <gtest/gtest.h>

#include <thread>

namespace stillcast {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

CapturedStillPtr still_of(uint64_t feed_id) {
  auto still = std::make_shared<CapturedStill>();
  still->feed_id = feed_id;
  return still;
}

TEST(StillQueue, GivesInOrderAndDropsTheOldestWhenFull) {
  StillQueue queue(2);
  EXPECT_EQ(queue.put(still_of(1)), nullptr);
  EXPECT_EQ(queue.put(still_of(2)), nullptr);
  EXPECT_EQ(queue.put(still_of(3))->feed_id, 1U);
  EXPECT_EQ(queue.size(), 2U);
  EXPECT_EQ(queue.take(nanoseconds(0))->feed_id, 2U);
  EXPECT_EQ(queue.take(nanoseconds(0))->feed_id, 3U);
  EXPECT_EQ(queue.take(nanoseconds(0)), nullptr);
}

TEST(StillQueue, ClosingWakesWhoeverWaitsAndKeepsWhatIsThere) {
  StillQueue queue(2);
  std::thread taker([&queue] { EXPECT_EQ(queue.take(seconds(60)), nullptr); });
  queue.close();
  taker.join();
  EXPECT_EQ(queue.put(still_of(1)), nullptr);
  EXPECT_NE(queue.take(seconds(60)), nullptr);
}

}  // namespace
}  // namespace stillcast
