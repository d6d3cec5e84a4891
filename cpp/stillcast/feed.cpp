#include "stillcast/feed.h"

#include <utility>

namespace stillcast {

void ReadyList::push(std::shared_ptr<Feed> feed) noexcept {
  Feed* node = feed.get();
  node->self_ = std::move(feed);
  node->next_ready_ = head_.load(std::memory_order_relaxed);
  // SYNC POINT ready.head: pairs with the exchange in unlist_all(); it carries self_ and next_ready_. Sequentially
  // consistent for the sake of intake.stopped.
  while (!head_.compare_exchange_weak(node->next_ready_, node, std::memory_order_seq_cst, std::memory_order_relaxed)) {
  }
}

Feed* ReadyList::unlist_all() noexcept {
  // SYNC POINT ready.head: pairs with the exchange in push().
  Feed* newest = head_.exchange(nullptr, std::memory_order_seq_cst);
  Feed* oldest = nullptr;
  while (newest != nullptr) {
    Feed* older = std::exchange(newest->next_ready_, oldest);
    oldest = std::exchange(newest, older);
  }
  return oldest;
}

std::shared_ptr<Feed> ReadyList::unlist(Feed& feed) noexcept {
  std::shared_ptr<Feed> alive = std::move(feed.self_);
  // SYNC POINT feed.listed: pairs with the exchange in announce(), both ways. An announce() that found the feed listed
  // is seen from here on with all that went before it, a closed gate as well as a frame; a plain store would let the
  // reads that follow go first. And the next announce() may write self_ again.
  feed.listed_.exchange(false, std::memory_order_acq_rel);
  return alive;
}

void ReadyList::drop_all() noexcept {
  take_all([](const std::shared_ptr<Feed>&) {});
}

Feed::Feed(std::shared_ptr<Intake> intake, uint64_t id, const FeedSettings& settings)
    : id_(id), settings_(settings), intake_(std::move(intake)) {}

Feed::~Feed() {
  if (Slot* slot = newest_.take()) let_go(slot);
}

bool Feed::push(const FrameView& frame) noexcept {
  Gate gate = gate_.load(std::memory_order_relaxed);
  if (gate == Gate::kIdle) return false;
  if (gate == Gate::kClosed) {
    intake_->counters.count(Refused::kClosed);
    return false;
  }
  if (in_child()) return false;
  if (!gate_.compare_exchange_strong(gate, Gate::kIdle, std::memory_order_relaxed)) return false;
  if (copy_in(frame)) return true;
  raise_gate();  // still due: the next frame may do
  return false;
}

bool Feed::copy_in(const FrameView& frame) noexcept {
  FrameRing& ring = intake_->ring;
  Slot* slot = ring.acquire();
  if (slot == nullptr) {
    intake_->counters.count(Refused::kNoSlot);
    return false;
  }
  const size_t bytes = frame_bytes(frame);
  if (slot->capacity_bytes() < bytes) {
    ring.release(slot);
    ring.request_growth(bytes);
    intake_->counters.count(ring.lacks_memory_for(bytes) ? Refused::kNoMemory : Refused::kSlotTooSmall);
    intake_->growth_wanted.store(true, std::memory_order_relaxed);
    intake_->wakeup.notify();
    return false;
  }
  slot->pushed_ns = intake_->clock->monotonic_ns();
  slot->pushed_utc_ns = intake_->clock->utc_ns();
  slot->copy(frame);
  frames_in_work_.fetch_add(1, std::memory_order_relaxed);
  if (Slot* replaced = newest_.publish(slot)) let_go(replaced);
  announce();
  return true;
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
  // SYNC POINT feed.listed: pairs with the exchange in ReadyList::unlist().
  if (!listed_.exchange(true, std::memory_order_acq_rel)) intake_->ready.push(shared_from_this());
  intake_->wakeup.notify();
  // SYNC POINT intake.stopped: in the one order of ready.head and this, either the stopping sampler finds this feed in
  // the list, or this thread sees the stop.
  if (intake_->stopped.load(std::memory_order_seq_cst)) intake_->ready.drop_all();
}

void Feed::request_snapshot() {
  if (in_child()) return;
  const std::lock_guard lock(mutex_);
  if (closed()) return;
  if (!due_.snapshot_ns) due_.snapshot_ns = intake_->clock->monotonic_ns();
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

void Feed::close() noexcept {
  if (gate_.exchange(Gate::kClosed, std::memory_order_relaxed) != Gate::kClosed && !in_child()) announce();
}

std::optional<MissedTick> Feed::begin_tick(int64_t due_ns) {
  const std::lock_guard lock(mutex_);
  const std::optional<int64_t> before_ns = std::exchange(due_.tick_ns, due_ns);
  raise_gate();
  if (!before_ns) return std::nullopt;
  return MissedTick{*before_ns, newest_.waits() ? Missed::kLate : Missed::kNoFrame};
}

Due Feed::take_due() {
  const std::lock_guard lock(mutex_);
  lower_gate();
  return std::exchange(due_, Due{});
}

void Feed::keep(CapturedStillPtr still) {
  const std::lock_guard lock(mutex_);
  last_ = std::move(still);
}

void Feed::retire() noexcept {
  if (take_due().tick_ns) intake_->counters.count(Missed::kClosed);
  // SYNC POINT feed.retired: pairs with the acquire in retired(); the last still was queued before.
  retired_.store(true, std::memory_order_release);
}

}  // namespace stillcast
