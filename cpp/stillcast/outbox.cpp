#include "stillcast/outbox.h"

#include <exception>
#include <utility>

#include "stillcast/feed.h"

namespace stillcast {

Outbox::Outbox(std::shared_ptr<Intake> intake, size_t queue_capacity, bool report_missed)
    : intake_(std::move(intake)), report_missed_(report_missed), stills_(queue_capacity) {}

void Outbox::deliver(Feed& feed, CapturedStillPtr still) {
  feed.keep(still);
  if (!still->tick && !still->snapshot) return;
  Counters::count(stills_like(*still));
  if (const CapturedStillPtr dropped = stills_.put(std::move(still)); dropped && !dropped->missed) {
    count_dropped(*dropped);
  }
}

void Outbox::count_dropped(const CapturedStill& still) noexcept {
  stills_like(still).fetch_sub(1, std::memory_order_relaxed);
  if (still.tick) {
    intake_->counters.count(Missed::kQueueFull);
  } else {
    intake_->counters.count(MissedSnapshot::kQueueFull);
  }
}

std::atomic<uint64_t>& Outbox::stills_like(const CapturedStill& still) noexcept {
  return still.tick ? intake_->counters.tick_stills : intake_->counters.snapshot_stills;
}

// Late ticks are only counted: telling of them would add to what made them late.
void Outbox::miss(uint64_t feed_id, const MissedTick& tick) noexcept {
  intake_->counters.count(tick.reason);
  if (!report_missed_ || tick.reason == Missed::kLate || tick.reason == Missed::kClosed) return;
  try {
    report(feed_id, tick);
  } catch (const std::exception&) {  // no memory for a report: it is counted
  }
}

void Outbox::report(uint64_t feed_id, const MissedTick& tick) {
  auto told = pool_.make();
  told->feed_id = feed_id;
  told->missed = tick.reason;
  told->captured_utc_ns = intake_->clock->utc_ns() - (intake_->clock->monotonic_ns() - tick.due_ns);
  stills_.put_if_room(std::move(told));
}

}  // namespace stillcast
