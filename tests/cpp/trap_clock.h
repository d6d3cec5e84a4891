#pragma once

#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "stillcast/clock.h"

namespace stillcast::testing {

// A clock that holds up chosen threads, which are then in the middle of whatever asked for the time.
class TrapClock final : public Clock {
 public:
  [[nodiscard]] int64_t monotonic_ns() const noexcept override {
    std::unique_lock lock(mutex_);
    if (victims_.contains(std::this_thread::get_id())) {
      caught_.insert(std::this_thread::get_id());
      changed_.notify_all();
      changed_.wait(lock, [this] { return !victims_.contains(std::this_thread::get_id()); });
    }
    return system_.monotonic_ns();
  }
  [[nodiscard]] int64_t utc_ns() const noexcept override { return system_.utc_ns(); }

  // The calling thread is held up the next time that it asks.
  void set() {
    const std::lock_guard lock(mutex_);
    victims_.insert(std::this_thread::get_id());
  }
  void wait_until_caught(const std::thread& victim) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this, &victim] { return caught_.contains(victim.get_id()); });
  }
  void release(const std::thread& victim) {
    {
      const std::lock_guard lock(mutex_);
      victims_.erase(victim.get_id());
    }
    changed_.notify_all();
  }

 private:
  SystemClock system_;
  mutable std::mutex mutex_;  // guards what follows
  mutable std::condition_variable changed_;
  std::set<std::thread::id> victims_;
  mutable std::set<std::thread::id> caught_;
};

}  // namespace stillcast::testing
