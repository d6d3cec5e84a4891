#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "stillcast/feed.h"
#include "stillcast/fork_guard.h"
#include "stillcast/still_maker.h"
#include "stillcast/still_queue.h"

namespace stillcast {

struct SamplerOptions {
  int slots = 16;
  size_t slot_bytes = size_t{3840} * 2160 * 3 / 2;
  size_t queue_capacity = 256;
  bool report_missed = false;  // also queue ticks that brought no still, as CapturedStill::missed
  int64_t longest_wait_ns = kNsPerSecond;
};

// Drives all feeds from one queue of timers on one thread: opens their gates when a tick is due, and makes stills of
// the frames that come.
//
// Note [Phase]
// Ticks of a feed stand at origin + phase + k * interval, whatever the load: no drift. Phases follow the golden ratio,
// which spreads any number of feeds over the interval, however many came before or left again. A tick that could not
// be fired in its interval is skipped and counted, never made up for.
//
// In a forked child it opens closed feeds only, does not start, stops at once, and its destructor leaves what its
// thread worked on: Note [A fork in the host]. Only what is said there holds for the queue: no thread of a child may
// use it.
class Sampler {
 public:
  Sampler(std::shared_ptr<const Clock> clock, const SamplerOptions& options);
  ~Sampler();
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  // Any thread.
  [[nodiscard]] std::shared_ptr<Feed> open_feed(const FeedSettings& settings);
  [[nodiscard]] StillQueue& stills() noexcept { return work_->stills; }
  [[nodiscard]] const Counters& counters() const noexcept { return intake_->counters; }
  [[nodiscard]] const FrameRing& ring() const noexcept { return intake_->ring; }

  // Whether this process got the sampler by a fork.
  [[nodiscard]] bool in_child() const noexcept { return intake_->fork_guard.in_child(); }

  // One thread. The second call does nothing. Throws std::system_error when there is no thread to be had.
  void start();
  // Takes no further frame, makes stills of those that were copied, closes the queue. Idempotent.
  void stop();

  // One round of the sampler's thread, for tests that move the clock: fires what is due, serves what is ready.
  void step();
  [[nodiscard]] int64_t next_tick_ns();

 private:
  struct Timer {
    int64_t due_ns;
    std::shared_ptr<Feed> feed;
    // Next due first; feeds that are due at once, in the order in which they were opened.
    friend bool operator<(const Timer& a, const Timer& b) {
      return std::pair(a.due_ns, a.feed->id()) < std::pair(b.due_ns, b.feed->id());
    }
  };

  // What the sampler's thread shares with others, and the thread.
  struct Work {
    explicit Work(size_t queue_capacity) : stills(queue_capacity) {}

    StillQueue stills;
    StillMaker maker;         // the sampler's thread only
    bool growing = false;     // the same: slots of the ring are smaller than was asked for
    std::mutex timers_mutex;  // guards what follows; never taken by push
    std::set<Timer> timers;   // of every open feed; a tree, so that any feed can leave at once
    int64_t origin_ns = 0;
    uint64_t feeds_opened = 0;
    bool finished = false;
    std::thread thread;
  };

  [[nodiscard]] std::shared_ptr<Feed> closed_feed(uint64_t id, const FeedSettings& settings) const;
  void run();
  void fire_due_ticks();
  [[nodiscard]] int64_t fire(const Timer& timer, int64_t now_ns);
  void serve_ready();
  void serve(const std::shared_ptr<Feed>& feed);
  void grow_ring() noexcept;
  void make_still(Feed& feed, const Due& due, const Slot& slot) noexcept;
  void deliver(Feed& feed, CapturedStillPtr still);
  void miss(const Feed& feed, const MissedTick& tick) noexcept;
  void forget(const std::shared_ptr<Feed>& feed);
  void finish();
  [[nodiscard]] std::shared_ptr<CapturedStill> capture(Feed& feed, const Due& due, const Slot& slot);

  const std::shared_ptr<Intake> intake_;
  const bool report_missed_;
  const int64_t longest_wait_ns_;
  std::atomic<bool> stopping_{false};
  const OwnedHere<Work> work_;
};

}  // namespace stillcast
