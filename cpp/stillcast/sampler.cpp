#include "stillcast/sampler.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <utility>

namespace stillcast {

namespace {

constexpr double kGoldenRatio = 0.6180339887498949;
constexpr int64_t kLongestWaitNs = kNsPerSecond;

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
      stills_(options.queue_capacity) {}

Sampler::~Sampler() { stop(); }

std::shared_ptr<Feed> Sampler::open_feed(const FeedSettings& settings) {
  const int64_t now_ns = intake_->clock->monotonic_ns();
  const std::lock_guard lock(timers_mutex_);
  if (feeds_opened_ == 0) origin_ns_ = now_ns;
  auto feed = std::make_shared<Feed>(intake_, feeds_opened_, settings);
  const int64_t start_ns = origin_ns_ + phase_ns(feeds_opened_, settings.interval_ns);
  ++feeds_opened_;
  if (finished_) {
    feed->close();
    feed->retire();
    return feed;
  }
  feed->next_tick_ns_ = next_on_grid(start_ns, settings.interval_ns, now_ns);
  timers_.insert({feed->next_tick_ns_, feed});
  intake_->wakeup.notify();
  return feed;
}

void Sampler::start() {
  if (thread_.joinable() || stopping_.load(std::memory_order_relaxed)) return;
  thread_ = std::thread([this] { run(); });
}

void Sampler::stop() {
  stopping_.store(true, std::memory_order_relaxed);
  intake_->wakeup.notify();
  if (thread_.joinable()) thread_.join();
  finish();
}

void Sampler::run() {
  while (!stopping_.load(std::memory_order_relaxed)) {
    step();
    intake_->wakeup.wait(std::min(next_tick_ns() - intake_->clock->monotonic_ns(), kLongestWaitNs));
  }
}

void Sampler::step() {
  if (intake_->growth_wanted.exchange(false, std::memory_order_relaxed)) intake_->ring.grow_free_slots();
  fire_due_ticks();
  serve_ready();
}

int64_t Sampler::next_tick_ns() {
  const std::lock_guard lock(timers_mutex_);
  return timers_.empty() ? std::numeric_limits<int64_t>::max() : timers_.begin()->due_ns;
}

void Sampler::fire_due_ticks() {
  const int64_t now_ns = intake_->clock->monotonic_ns();
  const std::lock_guard lock(timers_mutex_);
  while (!timers_.empty() && timers_.begin()->due_ns <= now_ns) {
    auto node = timers_.extract(timers_.begin());
    Timer& timer = node.value();
    timer.due_ns = timer.feed->next_tick_ns_ = fire(timer, now_ns);
    timers_.insert(std::move(node));
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
  intake_->ready.take_all(ready_);
  for (const std::shared_ptr<Feed>& feed : ready_) {
    serve(feed);
    fire_due_ticks();
  }
  ready_.clear();
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
  if (due.tick_ns) miss(feed, {*due.tick_ns, Missed::kEncodeFailed});
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
  if (!maker_.make(slot.frame, feed.settings().still, captured->still).is_ok()) return nullptr;
  return captured;
}

void Sampler::deliver(Feed& feed, CapturedStillPtr still) {
  Counters& counters = intake_->counters;
  feed.keep(still);
  if (!still->tick && !still->snapshot) return;
  const auto stills_like = [&counters](const CapturedStill& s) -> auto& {
    return s.tick ? counters.tick_stills : counters.snapshot_stills;
  };
  const CapturedStillPtr dropped = stills_.put(still);
  Counters::count(stills_like(*still));
  if (!dropped || dropped->missed) return;
  stills_like(*dropped).fetch_sub(1, std::memory_order_relaxed);
  if (dropped->tick) counters.count(Missed::kQueueFull);
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
    stills_.put_if_room(std::move(told));
  } catch (const std::exception&) {  // no memory for a report: it is counted
  }
}

void Sampler::forget(const std::shared_ptr<Feed>& feed) {
  const std::lock_guard lock(timers_mutex_);
  timers_.erase({feed->next_tick_ns_, feed});
}

void Sampler::finish() {
  std::set<Timer> timers;
  {
    const std::lock_guard lock(timers_mutex_);
    finished_ = true;
    timers.swap(timers_);
  }
  for (const Timer& timer : timers) timer.feed->close();
  serve_ready();
  // SYNC POINT intake.stopped: pairs with the load in Feed::announce().
  intake_->stopped.store(true, std::memory_order_seq_cst);
  serve_ready();
  stills_.close();
}

}  // namespace stillcast
