#include "stillcast/feed.h"

#include <limits>
#include <utility>

namespace stillcast {

Feed::Feed(std::shared_ptr<Intake> intake, uint64_t id, const FeedSettings& settings, int64_t opened_ns)
    : id_(id), opened_ns_(opened_ns), intake_(std::move(intake)), settings_(settings) {}

Feed::~Feed() {
  if (Slot* slot = newest_.take()) let_go(slot);
}

std::optional<int64_t> Feed::due_in_ns() const noexcept {
  if (in_child() || closed()) return std::nullopt;
  if (wanted()) return 0;
  return intake_->timers->next_ns(*this) - intake_->clock->monotonic_ns();
}

bool Feed::push(const FrameView& frame) noexcept {
  Gate gate = gate_.load(std::memory_order_relaxed);
  if (gate == Gate::kIdle) return false;
  if (gate == Gate::kClosed) return refuse(Refused::kClosed);
  if (in_child()) return false;
  if (!gate_.compare_exchange_strong(gate, Gate::kIdle, std::memory_order_relaxed)) return false;
  if (copy_in(frame)) return true;
  raise_gate();  // still due: the next frame may do
  return false;
}

bool Feed::copy_in(const FrameView& frame) noexcept {
  FrameRing& ring = intake_->ring;
  Slot* slot = acquire_slot();
  if (slot == nullptr) {
    crowded_out_.store(true, std::memory_order_relaxed);
    return refuse(Refused::kNoSlot);
  }
  const size_t bytes = frame_bytes(frame);
  if (slot->capacity_bytes() < bytes) {
    ring.release(slot);
    ring.request_growth(bytes);
    intake_->want_growth();
    return refuse(ring.lacks_memory_for(bytes) ? Refused::kNoMemory : Refused::kSlotTooSmall);
  }
  slot->pushed_ns = intake_->clock->monotonic_ns();
  slot->pushed_utc_ns = intake_->clock->utc_ns();
  slot->copy(frame);
  frames_in_work_.fetch_add(1, std::memory_order_relaxed);
  if (Slot* replaced = newest_.publish(slot)) let_go(replaced);
  announce();
  return true;
}

// Note [First pictures stand back].
Slot* Feed::acquire_slot() noexcept {
  FrameRing& ring = intake_->ring;
  return ring.acquire(wanted_first_only_.load(std::memory_order_relaxed) ? ring.slots() * 3 / 4 : 0);
}

bool Feed::refuse(Refused reason) noexcept {
  intake_->counters.count(reason);
  return false;
}

void Feed::let_go(Slot* slot) noexcept {
  intake_->ring.release(slot);
  // SYNC POINT feed.frames_in_work: pairs with the acquire in frames_in_work(); the still was queued before.
  frames_in_work_.fetch_sub(1, std::memory_order_release);
}

void Feed::raise_gate() noexcept {
  Gate idle = Gate::kIdle;
  gate_.compare_exchange_strong(idle, Gate::kWanted, std::memory_order_relaxed);
}

void Feed::lower_gate() noexcept {
  Gate wanted = Gate::kWanted;
  gate_.compare_exchange_strong(wanted, Gate::kIdle, std::memory_order_relaxed);
}

void Feed::announce() noexcept {
  // SYNC POINT feed.listed: pairs with the exchange in unlist().
  if (!listed_.exchange(true, std::memory_order_acq_rel)) intake_->backlog->list(shared_from_this());
  // SYNC POINT intake.stopped: in the one order of ready.head and this, either the stopping sampler finds this feed in
  // the list, or this thread sees the stop.
  if (intake_->stopped.load(std::memory_order_seq_cst)) intake_->backlog->drop_listed();
}

void Feed::unlist() noexcept {
  // SYNC POINT feed.listed: pairs with the exchange in announce(), both ways. An announce() that found the feed listed
  // is seen from here on with all that went before it, a closed gate as well as a frame; a plain store would let the
  // reads that follow go first.
  listed_.exchange(false, std::memory_order_acq_rel);
}

void Feed::end_service() noexcept {
  unlist();
  if (newest_.waits() || (closed() && !retired())) announce();
}

int64_t Feed::waits_since_ns() const noexcept {
  const std::lock_guard lock(mutex_);
  if (due_.tick_ns) return *due_.tick_ns;
  if (due_.snapshot_ns) return *due_.snapshot_ns;
  if (due_.first) return opened_ns_ + settings_.interval_ns;  // Note [First pictures stand back]
  return std::numeric_limits<int64_t>::min();                 // nothing to be made: done at once
}

void Feed::request_snapshot() {
  if (in_child()) return;
  const std::lock_guard lock(mutex_);
  if (closed()) return;
  if (!due_.snapshot_ns) due_.snapshot_ns = intake_->clock->monotonic_ns();
  wanted_first_only_.store(false, std::memory_order_relaxed);
  raise_gate();
}

void Feed::cancel_snapshot() {
  if (in_child()) return;
  const std::lock_guard lock(mutex_);
  due_.snapshot_ns.reset();
  if (!due_.any()) lower_gate();
}

CapturedStillPtr Feed::last_still() const {
  if (in_child()) return nullptr;
  const std::lock_guard lock(mutex_);
  return last_;
}

// With the mutex held throughout, so that of two changes at once one is the last in all respects.
bool Feed::change(const FeedSettings& settings) {
  if (in_child()) return false;
  const std::lock_guard lock(mutex_);
  if (closed()) return false;
  settings_ = settings;
  if (intake_->timers->change(*this, settings.interval_ns, intake_->clock->monotonic_ns())) {
    intake_->timer_wakeup.notify();
  }
  return true;
}

FeedSettings Feed::settings() const {
  if (in_child()) return {};
  const std::lock_guard lock(mutex_);
  return settings_;
}

void Feed::close() noexcept {
  if (gate_.exchange(Gate::kClosed, std::memory_order_relaxed) != Gate::kClosed && !in_child()) announce();
}

std::optional<MissedTick> Feed::begin_tick(int64_t due_ns) {
  const std::lock_guard lock(mutex_);
  if (retired()) return MissedTick{due_ns, Missed::kClosed};
  if (due_.tick_ns > due_ns) return MissedTick{due_ns, Missed::kLate};  // another thread was faster with the next one
  const std::optional<int64_t> before_ns = std::exchange(due_.tick_ns, due_ns);
  const bool crowded_out = crowded_out_.exchange(false, std::memory_order_relaxed);
  wanted_first_only_.store(false, std::memory_order_relaxed);
  raise_gate();
  if (!before_ns) return std::nullopt;
  return MissedTick{*before_ns, newest_.waits() || crowded_out ? Missed::kLate : Missed::kNoFrame};
}

Due Feed::take_due() {
  const std::lock_guard lock(mutex_);
  lower_gate();
  crowded_out_.store(false, std::memory_order_relaxed);
  return std::exchange(due_, Due{});
}

void Feed::keep(CapturedStillPtr still) {
  const std::lock_guard lock(mutex_);
  last_.swap(still);  // the one before is let go of after the lock
}

void Feed::retire() noexcept {
  const std::lock_guard lock(mutex_);
  if (std::exchange(due_, Due{}).tick_ns) intake_->counters.count(Missed::kClosed);
  // SYNC POINT feed.retired: pairs with the acquire in retired(); the last still was queued before.
  retired_.store(true, std::memory_order_release);
}

}  // namespace stillcast
