#include "stillcast/clock.h"

#include <chrono>

namespace stillcast {

namespace {

template <typename ChronoClock>
int64_t since_epoch_ns() noexcept {
  const auto elapsed = ChronoClock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(elapsed).count();
}

}  // namespace

int64_t SystemClock::monotonic_ns() const noexcept { return since_epoch_ns<std::chrono::steady_clock>(); }

int64_t SystemClock::utc_ns() const noexcept { return since_epoch_ns<std::chrono::system_clock>(); }

}  // namespace stillcast
