#pragma once

#include <memory>

#include "stillcast/intake.h"
#include "stillcast/outbox.h"
#include "stillcast/timers.h"

namespace stillcast {

// Fires ticks: opens the gates of their feeds, and counts. Any thread, several at once too.
class Ticker {
 public:
  Ticker(std::shared_ptr<Intake> intake, Outbox& outbox);

  // Fires all that are due now, the oldest first.
  void fire_due() noexcept;

 private:
  void fire(const DueTick& tick) noexcept;

  const std::shared_ptr<Intake> intake_;
  Outbox& outbox_;
};

}  // namespace stillcast
