#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "stillcast/counters.h"
#include "stillcast/still_maker.h"

namespace stillcast {

// A still and where it comes from, between the sampler and whoever stores it.
struct CapturedStill {
  EncodedStill still;
  uint64_t feed_id = 0;
  bool tick = false;      // made because a tick was due
  bool snapshot = false;  // made because a snapshot was asked for
  // Why there is no still: then this only tells of a tick that was due at captured_utc_ns.
  std::optional<Missed> missed;
  int64_t captured_utc_ns = 0;
  int64_t pushed_ns = 0;
  double frame_age_ms = 0;
  double lateness_ms = 0;
  Size source;
  std::optional<int64_t> pts_ns;
};

using CapturedStillPtr = std::shared_ptr<const CapturedStill>;

// Bounded; any thread may put and take. Full means that the oldest goes: what is newest is worth most.
class StillQueue {
 public:
  explicit StillQueue(size_t capacity) : capacity_(capacity) {}

  // Returns the still that had to go, if one had to.
  [[nodiscard]] CapturedStillPtr put(CapturedStillPtr still) {
    CapturedStillPtr dropped;
    {
      const std::lock_guard lock(mutex_);
      stills_.push_back(std::move(still));
      if (stills_.size() > capacity_) {
        dropped = std::move(stills_.front());
        stills_.pop_front();
      }
    }
    filled_.notify_one();
    return dropped;
  }

  // For what is worth less than a still: only while the queue is less than half full.
  void put_if_room(CapturedStillPtr still) {
    {
      const std::lock_guard lock(mutex_);
      if (2 * stills_.size() >= capacity_) return;
      stills_.push_back(std::move(still));
    }
    filled_.notify_one();
  }

  // Waits for a still; nullptr after `timeout`, or at once when the queue is closed and empty.
  [[nodiscard]] CapturedStillPtr take(std::chrono::nanoseconds timeout) {
    std::unique_lock lock(mutex_);
    filled_.wait_for(lock, timeout, [this] { return closed_ || !stills_.empty(); });
    if (stills_.empty()) return nullptr;
    CapturedStillPtr still = std::move(stills_.front());
    stills_.pop_front();
    return still;
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
    return stills_.size();
  }

 private:
  const size_t capacity_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable filled_;
  std::deque<CapturedStillPtr> stills_;
  bool closed_ = false;
};

}  // namespace stillcast
