#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "stillcast/intake.h"
#include "stillcast/still_pool.h"
#include "stillcast/still_queue.h"

namespace stillcast {

class Feed;
struct MissedTick;

// Where stills go, and what is told of ticks that brought none; counts both. Any thread.
class Outbox {
 public:
  // report_missed: also queue ticks that brought no still, as CapturedStill::missed.
  Outbox(std::shared_ptr<Intake> intake, size_t queue_capacity, bool report_missed);

  // A still to be filled in. Throws std::bad_alloc.
  [[nodiscard]] std::shared_ptr<CapturedStill> blank() { return pool_.make(); }
  // Also keeps it as the feed's last; what was made for neither tick nor snapshot goes no further.
  void deliver(Feed& feed, CapturedStillPtr still);
  void miss(uint64_t feed_id, const MissedTick& tick) noexcept;

  [[nodiscard]] StillQueue& stills() noexcept { return stills_; }

 private:
  void count_dropped(const CapturedStill& still) noexcept;
  [[nodiscard]] std::atomic<uint64_t>& stills_like(const CapturedStill& still) noexcept;
  void report(uint64_t feed_id, const MissedTick& tick);

  const std::shared_ptr<Intake> intake_;
  const bool report_missed_;
  StillPool pool_;
  StillQueue stills_;
};

}  // namespace stillcast
