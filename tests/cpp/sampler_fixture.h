#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "stillcast/sampler.h"
#include "support.h"

namespace stillcast::testing {

// A sampler without its thread: tests move the clock and let it step.
class SamplerTest : public ::testing::Test {
 protected:
  std::shared_ptr<Feed> open(int64_t interval_ms = 1000) { return sampler_.open_feed({interval_ms * kNsPerMs, {}}); }

  void tick_after(int64_t ms) {
    clock_->advance_ms(ms);
    sampler_.step();
  }

  CapturedStillPtr taken() { return sampler_.stills().take(std::chrono::nanoseconds(0)); }

  // Pushes a frame and lets the sampler serve it.
  bool show(Feed& feed) {
    const bool copied = feed.push(frame_.view());
    sampler_.step();
    return copied;
  }

  uint64_t missed(Missed reason) { return sampler_.counters().missed[static_cast<size_t>(reason)]; }
  uint64_t missed_snapshots(MissedSnapshot reason) {
    return sampler_.counters().missed_snapshots[static_cast<size_t>(reason)];
  }
  uint64_t refused(Refused reason) { return sampler_.counters().refused[static_cast<size_t>(reason)]; }

  // Every tick is a still, missed, or waits for its frame.
  uint64_t waiting_ticks() {
    uint64_t ended = sampler_.counters().tick_stills;
    for (const auto& count : sampler_.counters().missed) ended += count;
    return sampler_.counters().ticks - ended;
  }

  OwnedFrame frame_{PixelFormat::kI420, 64, 48};
  std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>();
  Sampler sampler_{clock_, {.slots = 2, .slot_bytes = 64 * 48 * 4, .queue_capacity = 4}};
};

}  // namespace stillcast::testing
