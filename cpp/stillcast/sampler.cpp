#include "stillcast/sampler.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <utility>

namespace stillcast {

namespace {

constexpr double kGoldenRatio = 0.6180339887498949;

double ms(int64_t ns) noexcept { return static_cast<double>(std::max<int64_t>(ns, 0)) / static_cast<double>(kNsPerMs); }

int64_t phase_ns(uint64_t index, int64_t interval_ns) noexcept {
  const double turns = static_cast<double>(index) * kGoldenRatio;
  return static_cast<int64_t>((turns - std::floor(turns)) * static_cast<double>(interval_ns));
}

// The first time from `now` on that lies on the grid `start + k * interval`.
int64_t next_on_grid(int64_t start_ns, int64_t interval_ns, int64_t now_ns) noexcept {
  if (now_ns <= start_ns) return start_ns;
  return start_ns + (now_ns - start_ns + interval_ns - 1) / interval_ns * interval_ns;
}

}  // namespace

Sampler::Sampler(std::shared_ptr<const Clock> clock, const SamplerOptions& options)
    : intake_(std::make_shared<Intake>(std::move(clock), options.slots, options.slot_bytes)),
      report_missed_(options.report_missed),
      longest_wait_ns_(options.longest_wait_ns),
      work_(options.queue_capacity) {}

Sampler::~Sampler() { stop(); }

std::shared_ptr<Feed> Sampler::open_feed(const FeedSettings& settings) {
  if (in_child()) return closed_feed(0, settings);
  const int64_t now_ns = intake_->clock->monotonic_ns();
  const std::lock_guard lock(work_->timers_mutex);
  if (work_->finished) return closed_feed(work_->feeds_opened++, settings);
  if (work_->feeds_opened == 0) work_->origin_ns = now_ns;
  auto feed = std::make_shared<Feed>(intake_, work_->feeds_opened, settings);
  const int64_t start_ns = work_->origin_ns + phase_ns(work_->feeds_opened, settings.interval_ns);
  ++work_->feeds_opened;
  feed->next_tick_ns_ = next_on_grid(start_ns, settings.interval_ns, now_ns);
  work_->timers.insert({feed->next_tick_ns_, feed});
  intake_->wakeup.notify();
  return feed;
}

std::shared_ptr<Feed> Sampler::closed_feed(uint64_t id, const FeedSettings& settings) const {
  auto feed = std::make_shared<Feed>(intake_, id, settings);
  feed->close();
  feed->retire();
  return feed;
}

void Sampler::start() {
  if (in_child() || work_->thread.joinable() || stopping_.load(std::memory_order_relaxed)) return;
  work_->thread = std::thread([this] { run(); });
}

void Sampler::stop() {
  if (in_child()) return;
  stopping_.store(true, std::memory_order_relaxed);
  intake_->wakeup.notify();
  if (work_->thread.joinable()) work_->thread.join();
  finish();
}

void Sampler::run() {
  while (!stopping_.load(std::memory_order_relaxed)) {
    step();
    intake_->wakeup.wait(std::min(next_tick_ns() - intake_->clock->monotonic_ns(), longest_wait_ns_));
  }
}

void Sampler::step() {
  fire_due_ticks();
  serve_ready();
  grow_ring();  // last: the slots just served are free
}

void Sampler::grow_ring() noexcept {
  if (intake_->growth_wanted.exchange(false, std::memory_order_relaxed)) work_->growing = true;
  if (work_->growing) work_->growing = !intake_->ring.grow_free_slots();
}

int64_t Sampler::next_tick_ns() {
  const std::lock_guard lock(work_->timers_mutex);
  return work_->timers.empty() ? std::numeric_limits<int64_t>::max() : work_->timers.begin()->due_ns;
}

void Sampler::fire_due_ticks() {
  const int64_t now_ns = intake_->clock->monotonic_ns();
  const std::lock_guard lock(work_->timers_mutex);
  while (!work_->timers.empty() && work_->timers.begin()->due_ns <= now_ns) {
    auto node = work_->timers.extract(work_->timers.begin());
    Timer& timer = node.value();
    timer.due_ns = timer.feed->next_tick_ns_ = fire(timer, now_ns);
    work_->timers.insert(std::move(node));
  }
}

// Returns when the feed's next tick is due.
int64_t Sampler::fire(const Timer& timer, int64_t now_ns) {
  const int64_t interval_ns = timer.feed->settings().interval_ns;
  const int64_t skipped = (now_ns - timer.due_ns) / interval_ns;
  Counters& counters = intake_->counters;
  Counters::count(counters.ticks, static_cast<uint64_t>(skipped + 1));
  counters.count(Missed::kLate, static_cast<uint64_t>(skipped));
  const int64_t due_ns = timer.due_ns + skipped * interval_ns;
  if (const auto before = timer.feed->begin_tick(due_ns)) miss(*timer.feed, *before);
  return due_ns + interval_ns;
}

// Ticks that come due while a still is made are fired before the next one is.
void Sampler::serve_ready() {
  intake_->ready.take_all([this](const std::shared_ptr<Feed>& feed) {
    serve(feed);
    fire_due_ticks();
  });
}

void Sampler::serve(const std::shared_ptr<Feed>& feed) {
  const bool closed = feed->closed();
  if (Slot* slot = feed->newest_.take()) {
    const Due due = feed->take_due();
    if (due.any()) make_still(*feed, due, *slot);
    feed->let_go(slot);
  }
  if (closed) {
    forget(feed);
    feed->retire();
  }
}

// What is thrown here is a lack of memory; one still lost is better than the host.
void Sampler::make_still(Feed& feed, const Due& due, const Slot& slot) noexcept {
  try {
    if (auto still = capture(feed, due, slot)) {
      deliver(feed, std::move(still));
      return;
    }
  } catch (const std::exception&) {
  }
  if (due.tick_ns) {
    miss(feed, {*due.tick_ns, Missed::kEncodeFailed});
  } else if (due.snapshot_ns) {
    intake_->counters.count(MissedSnapshot::kEncodeFailed);
  }
}

std::shared_ptr<CapturedStill> Sampler::capture(Feed& feed, const Due& due, const Slot& slot) {
  auto captured = std::make_shared<CapturedStill>();
  captured->feed_id = feed.id();
  captured->tick = due.tick_ns.has_value();
  captured->snapshot = due.snapshot_ns.has_value();
  captured->captured_utc_ns = slot.pushed_utc_ns;
  captured->pushed_ns = slot.pushed_ns;
  captured->frame_age_ms = ms(intake_->clock->monotonic_ns() - slot.pushed_ns);
  captured->lateness_ms = ms(slot.pushed_ns - due.tick_ns.value_or(due.snapshot_ns.value_or(slot.pushed_ns)));
  captured->source = {slot.frame.width, slot.frame.height};
  captured->pts_ns = slot.frame.pts_ns;
  if (!work_->maker.make(slot.frame, feed.settings().still, captured->still).is_ok()) return nullptr;
  return captured;
}

void Sampler::deliver(Feed& feed, CapturedStillPtr still) {
  Counters& counters = intake_->counters;
  feed.keep(still);
  if (!still->tick && !still->snapshot) return;
  const auto stills_like = [&counters](const CapturedStill& s) -> auto& {
    return s.tick ? counters.tick_stills : counters.snapshot_stills;
  };
  const CapturedStillPtr dropped = work_->stills.put(still);
  Counters::count(stills_like(*still));
  if (!dropped || dropped->missed) return;
  stills_like(*dropped).fetch_sub(1, std::memory_order_relaxed);
  if (dropped->tick) {
    counters.count(Missed::kQueueFull);
  } else {
    counters.count(MissedSnapshot::kQueueFull);
  }
}

// Late ticks are only counted: telling of them would add to what made them late.
void Sampler::miss(const Feed& feed, const MissedTick& tick) noexcept {
  intake_->counters.count(tick.reason);
  if (!report_missed_ || tick.reason == Missed::kLate) return;
  try {
    auto told = std::make_shared<CapturedStill>();
    told->feed_id = feed.id();
    told->missed = tick.reason;
    told->captured_utc_ns = intake_->clock->utc_ns() - (intake_->clock->monotonic_ns() - tick.due_ns);
    work_->stills.put_if_room(std::move(told));
  } catch (const std::exception&) {  // no memory for a report: it is counted
  }
}

void Sampler::forget(const std::shared_ptr<Feed>& feed) {
  const std::lock_guard lock(work_->timers_mutex);
  work_->timers.erase({feed->next_tick_ns_, feed});
}

void Sampler::finish() {
  std::set<Timer> timers;
  {
    const std::lock_guard lock(work_->timers_mutex);
    work_->finished = true;
    timers.swap(work_->timers);
  }
  for (const Timer& timer : timers) timer.feed->close();
  serve_ready();
  // SYNC POINT intake.stopped: pairs with the load in Feed::announce().
  intake_->stopped.store(true, std::memory_order_seq_cst);
  serve_ready();
  work_->stills.close();
}

}  // namespace stillcast
