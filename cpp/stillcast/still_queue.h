#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

#include "stillcast/still_pool.h"

namespace stillcast {

// Bounded; any thread may put and take. Full means that the oldest goes: what is newest is worth most. Its cells are
// made once.
class StillQueue {
 public:
  explicit StillQueue(size_t capacity) : cells_(std::max<size_t>(capacity, 1)) {}

  // Returns the still that had to go, if one had to.
  [[nodiscard]] CapturedStillPtr put(CapturedStillPtr still) {
    CapturedStillPtr dropped;
    {
      const std::lock_guard lock(mutex_);
      if (size_ == cells_.size()) dropped = take_first();
      put_last(std::move(still));
    }
    filled_.notify_one();
    return dropped;
  }

  // For what is worth less than a still: only while the queue is less than half full.
  void put_if_room(CapturedStillPtr still) {
    {
      const std::lock_guard lock(mutex_);
      if (2 * size_ >= cells_.size()) return;
      put_last(std::move(still));
    }
    filled_.notify_one();
  }

  // Waits for a still; nullptr after `timeout`, or at once when the queue is closed and empty.
  [[nodiscard]] CapturedStillPtr take(std::chrono::nanoseconds timeout) {
    std::unique_lock lock(mutex_);
    filled_.wait_for(lock, timeout, [this] { return closed_ || size_ > 0; });
    return size_ > 0 ? take_first() : nullptr;
  }

  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    filled_.notify_all();
  }

  [[nodiscard]] size_t size() const {
    const std::lock_guard lock(mutex_);
    return size_;
  }

 private:
  CapturedStillPtr take_first() noexcept {
    CapturedStillPtr still = std::move(cells_[first_]);
    first_ = (first_ + 1) % cells_.size();
    --size_;
    return still;
  }

  void put_last(CapturedStillPtr still) noexcept { cells_[(first_ + size_++) % cells_.size()] = std::move(still); }

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable filled_;
  std::vector<CapturedStillPtr> cells_;  // size_ of them are filled, from first_ on, round and round
  size_t first_ = 0;
  size_t size_ = 0;
  bool closed_ = false;
};

}  // namespace stillcast
