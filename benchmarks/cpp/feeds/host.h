#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "stillcast/feed.h"
#include "stillcast/frame.h"

namespace stillcast::bench {

// Pictures that are pushed again and again, prepared beforehand.
class Pictures {
 public:
  static constexpr int kMost = 8;

  // From a file of raw I420 pictures, or made up where there is none.
  Pictures(int width, int height, const std::string& path);
  [[nodiscard]] const FrameView& operator[](size_t index) const { return views_[index % views_.size()]; }

 private:
  void add(int width, int height);

  std::vector<std::vector<uint8_t>> bytes_;
  std::vector<FrameView> views_;
};

// What one of the host's threads did.
struct HostCost {
  int64_t pushes = 0;
  int64_t copies = 0;
  int64_t copying_ns = 0;  // CPU of the pushes that copied
  int64_t cpu_ns = 0;      // of the whole thread
  int64_t behind_ns = 0;   // the most that a push came after its time
};

// Pushes each feed's frames at their own times, evenly spread over the frame interval, until `over`.
[[nodiscard]] HostCost push_frames(const std::vector<std::shared_ptr<Feed>>& feeds, const Pictures& pictures,
                                   int64_t frame_interval_ns, const std::atomic<bool>& over);

}  // namespace stillcast::bench
