// What push promises to hosts: no waiting for a slower thread, no allocation.

#include <gtest/gtest.h>

#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <new>
#include <thread>

#include "stillcast/sampler.h"
#include "support.h"

namespace {

thread_local int allocations = 0;

void* counted(std::size_t size) noexcept {
  ++allocations;
  return std::malloc(size);
}

void* counted(std::size_t size, std::align_val_t align) noexcept {
  ++allocations;
  const auto alignment = static_cast<std::size_t>(align);
  return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

void* or_throw(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// Every allocation of the program goes through here; array forms end in these.
void* operator new(std::size_t size) { return or_throw(counted(size)); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
void* operator new(std::size_t size, std::align_val_t align) { return or_throw(counted(size, align)); }
void* operator new(std::size_t size, std::align_val_t align, const std::nothrow_t&) noexcept {
  return counted(size, align);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace stillcast {
namespace {

using testing::OwnedFrame;

// A clock that holds up one thread, which is then in the middle of whatever asked for the time.
class TrapClock final : public Clock {
 public:
  [[nodiscard]] int64_t monotonic_ns() const noexcept override {
    if (std::this_thread::get_id() == victim_.load()) {
      std::unique_lock lock(mutex_);
      caught_ = true;
      changed_.notify_all();
      changed_.wait(lock, [this] { return victim_.load() == std::thread::id(); });
    }
    return system_.monotonic_ns();
  }
  [[nodiscard]] int64_t utc_ns() const noexcept override { return system_.utc_ns(); }

  void set_for(std::thread::id victim) { victim_ = victim; }
  void wait_until_caught() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return caught_; });
  }
  void release() {
    {
      const std::lock_guard lock(mutex_);
      victim_ = std::thread::id();
    }
    changed_.notify_all();
  }

 private:
  SystemClock system_;
  std::atomic<std::thread::id> victim_{std::thread::id()};
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  mutable bool caught_ = false;
};

class PushTest : public ::testing::Test {
 protected:
  OwnedFrame frame_{PixelFormat::kI420, 64, 48};
  std::shared_ptr<TrapClock> clock_ = std::make_shared<TrapClock>();
  Sampler sampler_{clock_, {.slots = 4, .slot_bytes = 64 * 48 * 4, .queue_capacity = 4}};
  std::shared_ptr<Feed> feed_ = sampler_.open_feed({1000 * kNsPerSecond, {}});
};

TEST_F(PushTest, ReturnsWhileAnotherThreadHoldsTheFeedsLock) {
  std::thread holder([this] {
    clock_->set_for(std::this_thread::get_id());
    feed_->request_snapshot();  // asks for the time with the feed's mutex held
  });
  clock_->wait_until_caught();
  EXPECT_TRUE(feed_->push(frame_.view()));
  EXPECT_FALSE(feed_->push(frame_.view()));
  clock_->release();
  holder.join();
}

TEST_F(PushTest, ReturnsWhileTheSamplerIsHeldUpInTheMiddleOfAStill) {
  ASSERT_TRUE(feed_->push(frame_.view()));
  std::thread sampler([this] {
    sampler_.step();  // opens the gate for the first tick
    feed_->push(frame_.view());
    clock_->set_for(std::this_thread::get_id());
    sampler_.step();
  });
  clock_->wait_until_caught();
  feed_->push(frame_.view());
  const auto other = sampler_.open_feed({1000 * kNsPerSecond, {}});
  EXPECT_TRUE(other->push(frame_.view()));
  clock_->release();
  sampler.join();
}

TEST_F(PushTest, AllocatesNothing) {
  OwnedFrame large(PixelFormat::kBgra, 640, 480);
  const int before = allocations;
  bool copied = feed_->push(frame_.view());
  for (int i = 0; i < 100; ++i) copied = feed_->push(frame_.view()) || copied;
  const auto shared = feed_;
  shared->push(large.view());
  shared->close();
  shared->push(frame_.view());
  EXPECT_EQ(allocations, before);
  EXPECT_TRUE(copied);
}

TEST_F(PushTest, TheCounterOfAllocationsCounts) {
  const int before = allocations;
  sampler_.step();
  const auto another = sampler_.open_feed({kNsPerSecond, {}});
  EXPECT_GT(allocations, before);
}

}  // namespace
}  // namespace stillcast
