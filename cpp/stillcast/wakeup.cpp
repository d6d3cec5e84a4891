#include "stillcast/wakeup.h"

namespace stillcast {

void Wakeup::notify() noexcept {
  // SYNC POINT wakeup.notified: pairs with the exchange in wait(); what the caller wrote before is seen after it.
  if (!notified_.exchange(true, std::memory_order_acq_rel)) pipe_.write_one();
}

bool Wakeup::wait(int64_t timeout_ns) noexcept {
  pipe_.read_within(timeout_ns);
  // SYNC POINT wakeup.notified: pairs with the exchange in notify(). Cleared after the read: a notify between the two
  // leaves its byte in the pipe or has set the flag whose work the caller looks for next.
  return notified_.exchange(false, std::memory_order_acq_rel);
}

}  // namespace stillcast
