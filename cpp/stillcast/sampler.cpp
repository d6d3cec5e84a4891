#include "stillcast/sampler.h"

#include <algorithm>
#include <new>
#include <system_error>
#include <utility>

#include "stillcast/thread_name.h"

namespace stillcast {

Sampler::Work::Work(const std::shared_ptr<Intake>& intake, const SamplerOptions& options)
    : outbox(intake, options.queue_capacity, options.report_missed), ticker(intake, outbox) {
  const int count = std::clamp(options.workers, 1, SamplerOptions::kMaxWorkers);
  for (int i = 0; i < count; ++i) workers.emplace_back(intake, ticker, outbox, options.encoder);
  threads.reserve(workers.size() + 1);
}

Sampler::Sampler(std::shared_ptr<const Clock> clock, const SamplerOptions& options)
    : intake_(std::make_shared<Intake>(std::move(clock), options.slots, options.slot_bytes)),
      longest_wait_ns_(options.longest_wait_ns),
      work_(intake_, options) {}

Sampler::~Sampler() { stop(); }

std::shared_ptr<Feed> Sampler::open_feed(const FeedSettings& settings) {
  if (in_child()) return closed_feed(0, settings);
  const int64_t now_ns = intake_->clock->monotonic_ns();
  const uint64_t id = work_->feeds_opened.fetch_add(1, std::memory_order_relaxed);
  auto feed = std::make_shared<Feed>(intake_, id, settings, now_ns);
  add(feed, settings.interval_ns, now_ns);
  if (intake_->timers->closed()) {
    feed->close();
    feed->retire();
  }
  return feed;
}

void Sampler::add(const std::shared_ptr<Feed>& feed, int64_t interval_ns, int64_t now_ns) {
  if (intake_->timers->add(feed, interval_ns, now_ns)) intake_->timer_wakeup.notify();
  try {
    // Besides feeds with a timer, those may be listed whose last frame came late: each has a slot.
    intake_->backlog->make_room(intake_->timers->size() + FrameRing::kMaxSlots);
  } catch (const std::bad_alloc&) {
    intake_->timers->remove(*feed);
    throw;
  }
}

std::shared_ptr<Feed> Sampler::closed_feed(uint64_t id, const FeedSettings& settings) const {
  auto feed = std::make_shared<Feed>(intake_, id, settings, 0);
  feed->close();
  feed->retire();
  return feed;
}

void Sampler::start() {
  if (in_child() || !work_->threads.empty() || stopping_.load(std::memory_order_relaxed)) return;
  try {
    work_->threads.emplace_back([this] { run_timer(); });
    for (Worker& worker : work_->workers) work_->threads.emplace_back([this, &worker] { run_worker(worker); });
  } catch (const std::system_error&) {
    join();
    throw;
  }
}

void Sampler::stop() {
  if (in_child()) return;
  join();
  finish();
}

void Sampler::join() {
  // SYNC POINT sampler.stopping: pairs with the loads in run_timer() and run_worker(), which are woken after it.
  stopping_.store(true, std::memory_order_release);
  intake_->timer_wakeup.notify();
  intake_->backlog->wake_all(static_cast<int>(work_->threads.size()));
  for (std::thread& thread : work_->threads) thread.join();
  work_->threads.clear();
}

void Sampler::run_timer() {
  name_this_thread("stillcast-timer");
  while (!stopping_.load(std::memory_order_acquire)) {
    work_->ticker.fire_due();
    grow_ring();
    intake_->timer_wakeup.wait(std::min(next_tick_ns() - intake_->clock->monotonic_ns(), longest_wait_ns_));
  }
}

void Sampler::run_worker(Worker& worker) {
  name_this_thread("stillcast-still");
  while (!stopping_.load(std::memory_order_acquire)) worker.serve_one_or_sleep();
}

// Ticks that come due while a still is made are fired before the next one is.
void Sampler::step() {
  do {
    work_->ticker.fire_due();
  } while (work_->workers.front().serve_one());
  grow_ring();  // last: the slots just served are free
}

void Sampler::grow_ring() noexcept {
  if (intake_->growth_wanted.exchange(false, std::memory_order_relaxed)) work_->growing = true;
  if (work_->growing) work_->growing = !intake_->ring.grow_free_slots();
}

int64_t Sampler::next_tick_ns() { return intake_->timers->next_ns(); }

void Sampler::serve_all() {
  while (work_->workers.front().serve_one()) {
  }
}

void Sampler::finish() {
  intake_->timers->close();
  serve_all();
  // SYNC POINT intake.stopped: pairs with the load in Feed::announce().
  intake_->stopped.store(true, std::memory_order_seq_cst);
  serve_all();
  // Feeds that another thread is closing this moment, and has not listed yet.
  while (const auto feed = intake_->timers->take_any()) work_->workers.front().retire(*feed);
  work_->outbox.stills().close();
}

}  // namespace stillcast
