// Real threads against each other; what they prove, they prove under TSan and ASan.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <mutex>
#include <random>
#include <thread>

#include "stillcast/sampler.h"
#include "support.h"

namespace stillcast {
namespace {

using testing::OwnedFrame;

TEST(Stress, ASlotIsNeverSeenHalfWritten) {
  constexpr int kPublishes = 20'000;
  FrameRing ring(4, 64 * 64);
  NewestFrame newest;
  std::atomic<bool> done{false};
  std::atomic<int> torn{0};
  std::atomic<int> seen{0};
  std::thread reader([&] {
    while (!done.load()) {
      Slot* slot = newest.take();
      if (slot == nullptr) continue;
      const PlaneView& plane = slot->frame.planes[0];
      const uint8_t first = plane.row(0)[0];
      for (int y = 0; y < plane.rows; ++y)
        torn += plane.row(y)[y] != first || plane.row(y)[plane.row_bytes - 1] != first;
      ++seen;
      ring.release(slot);
    }
  });
  const auto write = [&](uint8_t seed) {
    OwnedFrame frame(PixelFormat::kGray8, 32, 32);
    for (int i = 0; i < kPublishes; ++i) {
      frame.fill(static_cast<uint8_t>(seed + i), 0, 0);
      Slot* slot = ring.acquire();
      if (slot == nullptr) continue;
      slot->copy(frame.view());
      if (Slot* replaced = newest.publish(slot)) ring.release(replaced);
    }
  };
  std::thread first_writer(write, uint8_t{0});
  std::thread second_writer(write, uint8_t{128});
  first_writer.join();
  second_writer.join();
  done = true;
  reader.join();
  if (Slot* left = newest.take()) ring.release(left);
  EXPECT_EQ(torn, 0);
  EXPECT_GT(seen, 0);
  EXPECT_EQ(ring.free_slots(), 4);
}

class StressOfWorkers : public ::testing::TestWithParam<int> {};

INSTANTIATE_TEST_SUITE_P(Workers, StressOfWorkers, ::testing::Values(1, 3));

TEST_P(StressOfWorkers, HostsPushWhileFeedsOpenCloseAndTheSamplerStops) {
  constexpr int kHosts = 3;
  constexpr int kRounds = 200;
  Sampler sampler(std::make_shared<SystemClock>(),
                  {.workers = GetParam(), .slots = 2, .slot_bytes = 64 * 64 * 2, .queue_capacity = 8});
  sampler.start();
  const auto shared = sampler.open_feed({2 * kNsPerMs, {{16, 16}, 50}});
  std::vector<std::thread> hosts;
  for (int h = 0; h < kHosts; ++h) {
    hosts.emplace_back([&, h] {
      OwnedFrame small(PixelFormat::kI420, 32, 32);
      OwnedFrame large(PixelFormat::kBgra, 64 + 8 * h, 64);
      for (int round = 0; round < kRounds; ++round) {
        const auto own = sampler.open_feed({kNsPerMs, {{16, 16}, 50}});
        for (int i = 0; i < 200; ++i) {
          own->push(i % 2 == 0 ? small.view() : large.view());
          shared->push(small.view());
          if (i == 50) own->request_snapshot();
        }
        own->close();
        own->push(small.view());
      }
    });
  }
  int stills = 0;
  for (int i = 0; i < 50; ++i) stills += sampler.stills().take(std::chrono::milliseconds(50)) != nullptr;
  sampler.stop();  // hosts go on opening and pushing
  for (std::thread& host : hosts) host.join();
  EXPECT_GT(stills, 0);
  EXPECT_EQ(sampler.ring().free_slots(), 2);
}

// Threads do to a few feeds, which all share, whatever may be done to a feed.
class Crowd {
 public:
  explicit Crowd(Sampler& sampler) : sampler_(sampler) {
    for (auto& feed : feeds_) feed = sampler_.open_feed(settings(7));
  }

  void act(uint32_t seed, int rounds) {
    std::minstd_rand random(seed + 1);
    OwnedFrame frame(PixelFormat::kI420, 32, 32);
    for (int round = 0; round < rounds; ++round) {
      const auto action = static_cast<uint32_t>(random() >> 3U);
      act_on(*one_of_them(static_cast<uint32_t>(random() >> 3U)), action, frame.view());
    }
  }

  [[nodiscard]] bool all_retired() const {
    return std::ranges::all_of(feeds_, [](const auto& feed) { return feed->retired(); });
  }

 private:
  static FeedSettings settings(uint32_t random) {
    const int side = 8 + static_cast<int>(random % 24);
    return {(1 + random % 20) * kNsPerMs, {{side, 16}, 1 + static_cast<int>(random % 100)}};
  }

  // Now and then a new one, whose forerunner nobody closes.
  std::shared_ptr<Feed> one_of_them(uint32_t random) {
    const std::lock_guard lock(mutex_);
    auto& feed = feeds_[random % feeds_.size()];
    if (random / 8 % 50 == 0) feed = sampler_.open_feed(settings(random / 400));
    return feed;
  }

  static void act_on(Feed& feed, uint32_t action, const FrameView& frame) {
    const uint32_t more = action / 16;
    if (action % 16 < 2) {
      feed.change(settings(more));
    } else if (action % 16 < 4) {
      feed.request_snapshot();
    } else if (action % 16 == 4) {
      feed.cancel_snapshot();
    } else if (action % 16 == 5 && more % 8 == 0) {
      feed.close();
    } else {
      feed.push(frame);
    }
  }

  Sampler& sampler_;
  std::mutex mutex_;  // guards what follows
  std::array<std::shared_ptr<Feed>, 8> feeds_;
};

TEST(Stress, FeedsThatOpenChangeAskAndCloseAtRandomAreAllAccountedFor) {
  constexpr int kRounds = 300'000;
  Sampler sampler(std::make_shared<SystemClock>(),
                  {.workers = 4, .slots = 4, .slot_bytes = 64 * 64, .queue_capacity = 8, .report_missed = true});
  sampler.start();
  Crowd crowd(sampler);
  std::thread taker([&] {
    while (sampler.stills().take(std::chrono::seconds(60)) != nullptr) {
    }
  });
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < 3; ++t) threads.emplace_back([&, t] { crowd.act(t, kRounds); });
  threads.back().join();
  threads.pop_back();
  sampler.stop();  // while the others go on
  for (std::thread& thread : threads) thread.join();
  taker.join();
  EXPECT_TRUE(crowd.all_retired());
  uint64_t ended = sampler.counters().tick_stills;
  for (const auto& count : sampler.counters().missed) ended += count;
  EXPECT_EQ(sampler.counters().ticks, ended);
  EXPECT_GT(sampler.counters().tick_stills, 0U);
}

// A close that comes while the sampler takes the feed off its list must not be overlooked.
TEST_P(StressOfWorkers, EveryClosedFeedIsRetired) {
  constexpr int kRounds = 10'000;
  Sampler sampler(std::make_shared<SystemClock>(),
                  {.workers = GetParam(), .slots = 4, .slot_bytes = 4096, .queue_capacity = 4});
  sampler.start();
  OwnedFrame frame(PixelFormat::kGray8, 16, 16);
  std::mt19937 random(5);
  for (int i = 0; i < kRounds; ++i) {
    const auto feed = sampler.open_feed({1000 * kNsPerSecond, {{2, 2}, 50}});
    feed->push(frame.view());
    for (std::atomic<uint64_t> pause = random() % 400; pause > 0; --pause) {
    }
    feed->close();
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!feed->retired()) ASSERT_LT(std::chrono::steady_clock::now(), patience) << "round " << i;
  }
}

}  // namespace
}  // namespace stillcast
