#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

#include "stillcast/backlog.h"
#include "stillcast/clock.h"
#include "stillcast/counters.h"
#include "stillcast/fork_guard.h"
#include "stillcast/frame_ring.h"
#include "stillcast/timers.h"
#include "stillcast/wakeup.h"

namespace stillcast {

// What feeds, and so hosts' threads, share with the sampler; it lives as long as the last of them.
struct Intake {
  Intake(std::shared_ptr<const Clock> clock_used, int slots, size_t slot_bytes)
      : clock(std::move(clock_used)), ring(slots, slot_bytes) {}

  // The ring has to grow, which the timer's thread does.
  void want_growth() noexcept {
    growth_wanted.store(true, std::memory_order_relaxed);
    timer_wakeup.notify();
  }

  const ForkGuard fork_guard;
  const std::shared_ptr<const Clock> clock;
  FrameRing ring;
  const OwnedHere<Backlog> backlog;
  const OwnedHere<Timers> timers;
  Wakeup timer_wakeup;
  Counters counters;
  std::atomic<bool> growth_wanted{false};
  std::atomic<bool> stopped{false};
};

}  // namespace stillcast
