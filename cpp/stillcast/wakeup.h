#pragma once

#include <atomic>
#include <cstdint>

#include "stillcast/pipe.h"

namespace stillcast {

// Wakes one sleeping thread from others that may not take a lock: a pipe that never blocks, written at most once a
// sleep.
class Wakeup {
 public:
  // Any thread; never blocks.
  void notify() noexcept;
  // One thread. Returns after `timeout_ns`, rounded up to milliseconds, or once notified, at once if that was since the
  // last return. Whether it was notified; may be false early.
  bool wait(int64_t timeout_ns) noexcept;

 private:
  Pipe pipe_{Pipe::Reading::kReturns};
  std::atomic<bool> notified_{false};
};

}  // namespace stillcast
