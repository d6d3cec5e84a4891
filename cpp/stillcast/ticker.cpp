#include "stillcast/ticker.h"

#include <array>
#include <utility>

#include "stillcast/feed.h"

namespace stillcast {

namespace {

// Ticks that are fired between two looks at the timers, whose lock is free meanwhile for feeds that come and go.
constexpr size_t kBatch = 64;

}  // namespace

Ticker::Ticker(std::shared_ptr<Intake> intake, Outbox& outbox) : intake_(std::move(intake)), outbox_(outbox) {}

void Ticker::fire_due() noexcept {
  const int64_t now_ns = intake_->clock->monotonic_ns();
  std::array<DueTick, kBatch> ticks;
  size_t taken = 0;
  do {
    taken = intake_->timers->take_due(now_ns, ticks);
    for (size_t i = 0; i < taken; ++i) fire(ticks[i]);
  } while (taken == kBatch);
}

void Ticker::fire(const DueTick& tick) noexcept {
  Counters& counters = intake_->counters;
  const auto skipped = static_cast<uint64_t>(tick.skipped);
  Counters::count(counters.ticks, skipped + 1);
  counters.count(Missed::kLate, skipped);
  if (const auto lost = tick.feed->begin_tick(tick.due_ns)) outbox_.miss(tick.feed->id(), *lost);
}

}  // namespace stillcast
