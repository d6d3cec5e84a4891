#include "stillcast/worker.h"

#include <algorithm>
#include <exception>
#include <utility>

namespace stillcast {

namespace {

double ms(int64_t ns) noexcept { return static_cast<double>(std::max<int64_t>(ns, 0)) / static_cast<double>(kNsPerMs); }

// What a still was wanted for came due then; a tick goes before a snapshot.
int64_t due_ns(const Due& due, const Slot& slot) noexcept {
  return due.tick_ns.value_or(due.snapshot_ns.value_or(slot.pushed_ns));
}

}  // namespace

Worker::Worker(std::shared_ptr<Intake> intake, Ticker& ticker, Outbox& outbox, EncoderChoice encoder)
    : intake_(std::move(intake)), ticker_(ticker), outbox_(outbox), maker_(best_kernels(), make_encoder(encoder)) {}

bool Worker::serve_one() {
  const auto feed = intake_->backlog->take();
  if (feed) serve(*feed);
  return feed != nullptr;
}

void Worker::serve_one_or_sleep() {
  if (const auto feed = intake_->backlog->take_or_sleep()) serve(*feed);
}

// A frame serves whatever is due by now: where the timer's thread has not had its turn yet, as with a frame that
// follows the opening of its feed at once, the tick is fired here.
void Worker::serve(Feed& feed) {
  ticker_.fire_due();
  const bool closed = feed.closed();
  if (Slot* slot = feed.newest_.take()) {
    const Due due = feed.take_due();
    if (due.any()) make_still(feed, due, *slot);
    feed.let_go(slot);
  }
  if (closed) retire(feed);
  feed.end_service();
}

void Worker::retire(Feed& feed) noexcept {
  intake_->timers->remove(feed);
  feed.retire();
}

// What is thrown here is a lack of memory; one still lost is better than the host.
void Worker::make_still(Feed& feed, const Due& due, const Slot& slot) noexcept {
  try {
    if (auto still = capture(feed, due, slot)) {
      outbox_.deliver(feed, std::move(still));
      return;
    }
  } catch (const std::exception&) {
  }
  if (due.tick_ns) {
    outbox_.miss(feed.id(), {*due.tick_ns, Missed::kEncodeFailed});
  } else if (due.snapshot_ns) {
    intake_->counters.count(MissedSnapshot::kEncodeFailed);
  }
}

std::shared_ptr<CapturedStill> Worker::capture(Feed& feed, const Due& due, const Slot& slot) {
  const int64_t age_ns = intake_->clock->monotonic_ns() - slot.pushed_ns;
  const int64_t lateness_ns = slot.pushed_ns - due_ns(due, slot);
  auto captured = outbox_.blank();
  captured->feed_id = feed.id();
  captured->tick = due.tick_ns.has_value();
  captured->snapshot = due.snapshot_ns.has_value();
  captured->captured_utc_ns = slot.pushed_utc_ns;
  captured->pushed_ns = slot.pushed_ns;
  captured->frame_age_ms = ms(age_ns);
  captured->lateness_ms = ms(lateness_ns);
  captured->source = {slot.frame.width, slot.frame.height};
  captured->pts_ns = slot.frame.pts_ns;
  if (!maker_.make(slot.frame, feed.settings().still, captured->still).is_ok()) return nullptr;
  if (due.tick_ns) intake_->counters.lateness.count(lateness_ns);
  if (due.tick_ns || due.snapshot_ns) intake_->counters.frame_age.count(age_ns);
  return captured;
}

}  // namespace stillcast
