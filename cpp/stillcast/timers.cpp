#include "stillcast/timers.h"

#include <cmath>
#include <limits>
#include <utility>

#include "stillcast/feed.h"

namespace stillcast {

namespace {

constexpr double kGoldenRatio = 0.6180339887498949;
constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

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

bool Timers::add(const std::shared_ptr<Feed>& feed, int64_t interval_ns, int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  timers_.make_room(timers_.size() + 1);
  if (!std::exchange(begun_, true)) origin_ns_ = now_ns;
  const int64_t next_before_ns = next_locked();
  feed->timer_.interval_ns = interval_ns;
  timers_.put({next_of(*feed, now_ns), feed->id(), &feed->timer_.place, feed});
  return next_locked() < next_before_ns;
}

bool Timers::change(Feed& feed, int64_t interval_ns, int64_t now_ns) noexcept {
  const std::lock_guard lock(mutex_);
  TimerState& timer = feed.timer_;
  if (!timer.place.in_heap() || timer.interval_ns == interval_ns) return false;
  const int64_t next_before_ns = next_locked();
  timer.interval_ns = interval_ns;
  timers_.change(timer.place, next_of(feed, now_ns));
  return next_locked() < next_before_ns;
}

void Timers::remove(Feed& feed) noexcept {
  std::shared_ptr<Feed> alive;  // let go of after the lock
  const std::lock_guard lock(mutex_);
  if (feed.timer_.place.in_heap()) alive = timers_.take(feed.timer_.place);
}

size_t Timers::take_due(int64_t now_ns, std::span<DueTick> ticks) noexcept {
  size_t taken = 0;
  const std::lock_guard lock(mutex_);
  while (!closed_ && taken < ticks.size() && next_locked() <= now_ns) ticks[taken++] = next_tick(now_ns);
  return taken;
}

int64_t Timers::next_ns() const noexcept {
  const std::lock_guard lock(mutex_);
  return next_locked();
}

int64_t Timers::next_ns(const Feed& feed) const noexcept {
  const std::lock_guard lock(mutex_);
  const HeapPlace& place = feed.timer_.place;
  return place.in_heap() ? timers_.due_ns(place) : kNever;
}

size_t Timers::size() const noexcept {
  const std::lock_guard lock(mutex_);
  return timers_.size();
}

void Timers::close() noexcept {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  timers_.for_each([](const std::shared_ptr<Feed>& feed) { feed->close(); });
}

bool Timers::closed() const noexcept {
  const std::lock_guard lock(mutex_);
  return closed_;
}

std::shared_ptr<Feed> Timers::take_any() noexcept {
  const std::lock_guard lock(mutex_);
  return timers_.empty() ? nullptr : timers_.take_first();
}

int64_t Timers::next_of(const Feed& feed, int64_t now_ns) const noexcept {
  const int64_t interval_ns = feed.timer_.interval_ns;
  return next_on_grid(origin_ns_ + phase_ns(feed.id(), interval_ns), interval_ns, now_ns);
}

int64_t Timers::next_locked() const noexcept { return timers_.empty() ? kNever : timers_.first().due_ns; }

DueTick Timers::next_tick(int64_t now_ns) noexcept {
  const auto& first = timers_.first();
  const int64_t interval_ns = first.item->timer_.interval_ns;
  DueTick tick{first.item, first.due_ns, (now_ns - first.due_ns) / interval_ns};
  tick.due_ns += tick.skipped * interval_ns;
  timers_.change(*first.place, tick.due_ns + interval_ns);
  return tick;
}

}  // namespace stillcast
