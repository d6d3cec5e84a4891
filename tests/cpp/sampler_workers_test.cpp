// Who is served next, and by whom.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "sampler_fixture.h"

namespace stillcast {
namespace {

using testing::OwnedFrame;
using SamplerTest = testing::SamplerTest;

constexpr std::chrono::seconds kPatience{20};

// Two feeds, each with a first picture behind it, that tick at 0 and at 618 ms of every second.
class Overload : public SamplerTest {
 protected:
  Overload() {
    for (const auto& feed : feeds_) {
      sampler_.step();
      show(*feed);
    }
    while (taken()) {
    }
  }

  // Ids in the order in which their stills came.
  std::vector<uint64_t> served() {
    std::vector<uint64_t> ids;
    while (const auto still = taken()) ids.push_back(still->feed_id);
    return ids;
  }

  std::array<std::shared_ptr<Feed>, 2> feeds_{open(), open()};
};

TEST_F(Overload, TheOldestDueTickIsServedFirstWhateverTheOrderOfTheFrames) {
  tick_after(1000);  // ticks at 618 and 1000 ms
  ASSERT_TRUE(feeds_[0]->push(frame_.view()));
  ASSERT_TRUE(feeds_[1]->push(frame_.view()));
  sampler_.step();
  EXPECT_EQ(served(), (std::vector{feeds_[1]->id(), feeds_[0]->id()}));
}

TEST_F(Overload, ASnapshotStandsInLineByTheTimeAtWhichItWasAskedFor) {
  tick_after(620);
  clock_->advance_ms(10);
  feeds_[0]->request_snapshot();
  ASSERT_TRUE(feeds_[0]->push(frame_.view()));
  ASSERT_TRUE(feeds_[1]->push(frame_.view()));
  sampler_.step();
  EXPECT_EQ(served(), (std::vector{feeds_[1]->id(), feeds_[0]->id()}));
}

TEST_F(Overload, AFeedWhoseTickIsOvertakenWhileItWaitsStandsWhereTheNewerOneBelongs) {
  tick_after(1000);
  ASSERT_TRUE(feeds_[1]->push(frame_.view()));  // for its tick at 618 ms
  ASSERT_TRUE(feeds_[0]->push(frame_.view()));  // for its tick at 1000 ms
  clock_->advance_ms(700);                      // the next ones are at 1618 and 2000 ms
  sampler_.step();
  EXPECT_EQ(missed(Missed::kLate), 1U);
  EXPECT_EQ(served(), (std::vector{feeds_[0]->id(), feeds_[1]->id()}));
}

TEST_F(Overload, ATickWhoseFrameFoundNoSlotIsLateNotWithoutAFrame) {
  const auto third = open();  // ticks at 236 ms
  tick_after(1000);
  for (const auto& feed : feeds_) ASSERT_TRUE(feed->push(frame_.view()));
  ASSERT_FALSE(third->push(frame_.view()));
  sampler_.step();
  tick_after(1000);
  EXPECT_EQ(missed(Missed::kLate), 1U);
  EXPECT_EQ(missed(Missed::kNoFrame), 0U);
  tick_after(1000);
  EXPECT_EQ(missed(Missed::kLate), 1U);
  EXPECT_EQ(missed(Missed::kNoFrame), 3U);  // nobody pushed a frame
}

TEST_F(Overload, FirstPicturesAreServedAfterTicksAndLeaveThemSlots) {
  Sampler sampler(clock_, {.slots = 4, .slot_bytes = 64 * 48 * 4, .queue_capacity = 16});
  std::vector<std::shared_ptr<Feed>> feeds;
  for (int i = 0; i < 5; ++i) feeds.push_back(sampler.open_feed({1000 * kNsPerSecond, {}}));
  EXPECT_TRUE(feeds[1]->push(frame_.view()));
  EXPECT_FALSE(feeds[2]->push(frame_.view()));  // a quarter of the slots is in use
  EXPECT_TRUE(feeds[2]->wanted());
  clock_->advance_ms(5);
  feeds[0]->request_snapshot();
  EXPECT_TRUE(feeds[0]->push(frame_.view()));
  clock_->advance_after_asks(3, 1000);  // once the first still is begun
  sampler.step();
  const auto still = sampler.stills().take(std::chrono::nanoseconds(0));
  ASSERT_NE(still, nullptr);
  EXPECT_DOUBLE_EQ(still->frame_age_ms, 0);  // it was the first
  EXPECT_NE(feeds[1]->last_still(), nullptr);
}

class Workers : public ::testing::Test {
 protected:
  std::shared_ptr<Feed> open(Sampler& sampler) { return sampler.open_feed({3600 * kNsPerSecond, {{16, 16}, 50}}); }

  bool show(Feed& feed, int64_t pts_ns) {
    OwnedFrame frame(PixelFormat::kGray8, 64, 48);
    frame.view().pts_ns = pts_ns;
    feed.request_snapshot();
    return feed.push(frame.view());
  }
};

// A clock that holds up workers in the middle of a still: they ask once for the ticks that are due, then for its age.
class Gate final : public Clock {
 public:
  [[nodiscard]] int64_t monotonic_ns() const noexcept override {
    std::unique_lock lock(mutex_);
    if (held_ && std::this_thread::get_id() != owner_ && ++asks_[std::this_thread::get_id()] == 2) {
      ++waiting_;
      changed_.notify_all();
      changed_.wait(lock, [this] { return !held_; });
    }
    return system_.monotonic_ns();
  }
  [[nodiscard]] int64_t utc_ns() const noexcept override { return system_.utc_ns(); }

  void hold() {
    const std::lock_guard lock(mutex_);
    held_ = true;
  }
  void let_go() {
    const std::lock_guard lock(mutex_);
    held_ = false;
    changed_.notify_all();
  }
  void wait_for(int threads) const {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_ == threads; });
  }
  [[nodiscard]] int waiting() const {
    const std::lock_guard lock(mutex_);
    return waiting_;
  }

 private:
  SystemClock system_;
  std::thread::id owner_ = std::this_thread::get_id();
  mutable std::mutex mutex_;  // guards what follows
  mutable std::condition_variable changed_;
  mutable std::map<std::thread::id, int> asks_;
  mutable int waiting_ = 0;
  bool held_ = false;
};

TEST_F(Workers, SeveralMakeStillsAtTheSameTimeButNeverTwoOfOneFeed) {
  const auto clock = std::make_shared<Gate>();
  Sampler sampler(clock, {.workers = 3, .slots = 8, .slot_bytes = 64 * 64, .longest_wait_ns = 3600 * kNsPerSecond});
  const std::array feeds{open(sampler), open(sampler)};
  sampler.start();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // the timer sleeps; else the test sees less
  clock->hold();
  for (const auto& feed : feeds) ASSERT_TRUE(show(*feed, 1));
  clock->wait_for(2);
  for (const auto& feed : feeds) ASSERT_TRUE(show(*feed, 2));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(clock->waiting(), 2);  // the third worker has nothing that it might do
  clock->let_go();
  std::array<int64_t, 2> newest{};
  for (int i = 0; i < 4; ++i) {
    const auto still = sampler.stills().take(kPatience);
    ASSERT_NE(still, nullptr);
    EXPECT_EQ(*still->pts_ns, ++newest[still->feed_id]);
  }
}

TEST_F(Workers, AFeedThatIsClosedWhileItsStillIsMadeIsRetiredAfterIt) {
  const auto clock = std::make_shared<Gate>();
  Sampler sampler(clock, {.workers = 2, .slots = 8, .slot_bytes = 64 * 64, .longest_wait_ns = 3600 * kNsPerSecond});
  const auto feed = open(sampler);
  sampler.start();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // the timer sleeps
  clock->hold();
  ASSERT_TRUE(show(*feed, 1));
  clock->wait_for(1);
  feed->close();
  clock->let_go();
  EXPECT_NE(sampler.stills().take(kPatience), nullptr);
  const auto patience = std::chrono::steady_clock::now() + kPatience;
  while (!feed->retired()) ASSERT_LT(std::chrono::steady_clock::now(), patience);
}

// Which frame serves a snapshot is not promised: one that was pushed just before it was asked for may. Order is.
TEST_F(Workers, AFeedsStillsComeInOrderHoweverManyWorkersThereAre) {
  Sampler sampler(std::make_shared<SystemClock>(), {.workers = 4, .slots = 8, .slot_bytes = 64 * 64});
  const std::array feeds{open(sampler), open(sampler), open(sampler)};
  sampler.start();
  std::atomic<bool> done{false};
  std::vector<std::thread> hosts;
  for (const auto& feed : feeds) {
    hosts.emplace_back([this, &done, feed] {
      for (int64_t i = 1; !done; ++i) {
        if (!show(*feed, i)) std::this_thread::yield();
      }
    });
  }
  constexpr int kStills = 1500;
  std::array<int64_t, 3> newest{};
  int in_order = 0;
  while (in_order < kStills) {
    const auto still = sampler.stills().take(kPatience);
    if (still == nullptr || *still->pts_ns <= newest[still->feed_id]) break;
    newest[still->feed_id] = *still->pts_ns;
    ++in_order;
  }
  done = true;
  for (std::thread& host : hosts) host.join();
  EXPECT_EQ(in_order, kStills);
  for (const int64_t number : newest) EXPECT_GT(number, 0);
}

TEST_F(Workers, AreOneAtLeastAndAsManyAsAskedFor) {
  for (const int workers : {0, 1, 64, 65}) {
    Sampler sampler(std::make_shared<SystemClock>(), {.workers = workers, .slots = 1, .slot_bytes = 64 * 64});
    sampler.start();
    const auto feed = open(sampler);
    while (!show(*feed, 1)) std::this_thread::yield();
    EXPECT_NE(sampler.stills().take(kPatience), nullptr);
    sampler.stop();
  }
}

}  // namespace
}  // namespace stillcast
