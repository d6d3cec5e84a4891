#pragma once

#include <atomic>

#include "stillcast/pipe.h"

namespace stillcast {

// Where workers sleep that have nothing to do. Whoever has work wakes one of them, without a lock, and for the price of
// one load while none sleeps.
//
// Note [No work is slept over]
// A worker says that it is about to sleep, and looks for work once more; whoever has work lists it, and then looks for
// sleepers. Both are sequentially consistent, so one of the two sees the other. A sleeper is woken by a byte in a pipe
// that exactly one worker reads; whoever writes it has taken that sleeper off the count first, so there are never more
// bytes than workers that read or will read them.
class Parking {
 public:
  // A worker: from here on it counts as asleep. It looks for work, and then calls stay() or sleep().
  void lie_down() noexcept;
  // It has found work after all.
  void stay() noexcept;
  // Returns when it was woken.
  void sleep() noexcept;

  // Any thread; never blocks. What the caller listed before is seen by the worker that is woken.
  void wake_one() noexcept;
  // Wakes so many workers, asleep or not: one that is awake finds its next sleep short.
  void wake_all(int workers) noexcept;

 private:
  [[nodiscard]] bool take_sleeper() noexcept;

  Pipe pipe_{Pipe::Reading::kBlocks};
  std::atomic<int> asleep_{0};  // and not woken yet
};

}  // namespace stillcast
