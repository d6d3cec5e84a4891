#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "stillcast/feed.h"
#include "stillcast/fork_guard.h"
#include "stillcast/outbox.h"
#include "stillcast/ticker.h"
#include "stillcast/worker.h"

namespace stillcast {

struct SamplerOptions {
  static constexpr int kMaxWorkers = 64;

  int workers = 1;  // 1 to kMaxWorkers
  int slots = 16;
  size_t slot_bytes = size_t{3840} * 2160 * 3 / 2;
  EncoderChoice encoder = EncoderChoice::kAuto;
  size_t queue_capacity = 256;
  bool report_missed = false;  // also queue ticks that brought no still, as CapturedStill::missed
  int64_t longest_wait_ns = kNsPerSecond;
};

// Drives all feeds: one thread opens their gates when ticks are due, some workers make stills of the frames that come.
//
// Note [Why a thread for the timers]
// A tick opens a gate, which takes no time but must be in time, whatever the workers are at: a frame that comes before
// its gate is open is lost, and the next one is a frame interval later. A worker that fired ticks between two stills
// would be late by a still, and an idle one would have to be woken for each tick all the same.
//
// In a forked child it opens closed feeds only, does not start, stops at once, and its destructor leaves what its
// threads worked on: Note [A fork in the host]. Only what is said there holds for the queue: no thread of a child may
// use it.
class Sampler {
 public:
  Sampler(std::shared_ptr<const Clock> clock, const SamplerOptions& options);
  ~Sampler();
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  // Any thread.
  [[nodiscard]] std::shared_ptr<Feed> open_feed(const FeedSettings& settings);
  [[nodiscard]] StillQueue& stills() noexcept { return work_->outbox.stills(); }
  [[nodiscard]] const Counters& counters() const noexcept { return intake_->counters; }
  [[nodiscard]] const FrameRing& ring() const noexcept { return intake_->ring; }

  // Whether this process got the sampler by a fork.
  [[nodiscard]] bool in_child() const noexcept { return intake_->fork_guard.in_child(); }

  // One thread. The second call does nothing. Throws std::system_error when there are no threads to be had.
  void start();
  // Takes no further frame, makes stills of those that were copied, closes the queue. Idempotent.
  void stop();

  // One round of all threads in one, for tests that move the clock: fires what is due, serves what is ready.
  void step();
  [[nodiscard]] int64_t next_tick_ns();

 private:
  // What the sampler's threads share, and the threads.
  struct Work {
    Work(const std::shared_ptr<Intake>& intake, const SamplerOptions& options);

    Outbox outbox;
    Ticker ticker;
    std::deque<Worker> workers;  // one a thread; where no threads are, the first one works for them
    bool growing = false;        // the timer's thread only: slots of the ring are smaller than was asked for
    std::atomic<uint64_t> feeds_opened{0};
    std::vector<std::thread> threads;
  };

  [[nodiscard]] std::shared_ptr<Feed> closed_feed(uint64_t id, const FeedSettings& settings) const;
  void add(const std::shared_ptr<Feed>& feed, int64_t interval_ns, int64_t now_ns);
  void run_timer();
  void run_worker(Worker& worker);
  void join();
  void serve_all();
  void grow_ring() noexcept;
  void finish();

  const std::shared_ptr<Intake> intake_;
  const int64_t longest_wait_ns_;
  std::atomic<bool> stopping_{false};
  const OwnedHere<Work> work_;
};

}  // namespace stillcast
