#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "stillcast/clock.h"

namespace stillcast {

// Counts delays in fixed buckets. Any thread; lock-free.
class DelayHistogram {
 public:
  // Upper bounds of the buckets, each included; one more bucket takes what is longer. Fine where the promises lie: a
  // frame interval at 30 and at 24 frames a second, and 5 ms on top.
  static constexpr std::array<double, 20> kBoundsMs{0.5, 1,  2,  5,   10,  15,  20,   25,   30,   35,
                                                    40,  45, 50, 100, 200, 500, 1000, 2000, 5000, 10'000};

  // What is negative counts as none.
  void count(int64_t delay_ns) noexcept {
    const int64_t ns = std::max<int64_t>(delay_ns, 0);
    const double ms = static_cast<double>(ns) / static_cast<double>(kNsPerMs);
    const auto bucket = std::lower_bound(kBoundsMs.begin(), kBoundsMs.end(), ms) - kBoundsMs.begin();
    counts_[static_cast<size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
    sum_ns_.fetch_add(ns, std::memory_order_relaxed);
  }

  [[nodiscard]] std::array<uint64_t, kBoundsMs.size() + 1> counts() const noexcept {
    std::array<uint64_t, kBoundsMs.size() + 1> counts{};
    for (size_t i = 0; i < counts.size(); ++i) counts[i] = counts_[i].load(std::memory_order_relaxed);
    return counts;
  }
  [[nodiscard]] double sum_ms() const noexcept {
    return static_cast<double>(sum_ns_.load(std::memory_order_relaxed)) / static_cast<double>(kNsPerMs);
  }

 private:
  std::array<std::atomic<uint64_t>, kBoundsMs.size() + 1> counts_{};
  std::atomic<int64_t> sum_ns_{0};
};

}  // namespace stillcast
