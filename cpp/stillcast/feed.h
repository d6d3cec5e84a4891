#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "stillcast/intake.h"
#include "stillcast/still_pool.h"

namespace stillcast {

struct FeedSettings {
  int64_t interval_ns = 2 * kNsPerSecond;
  StillSettings still;
};

// What the next frame is wanted for.
struct Due {
  std::optional<int64_t> tick_ns;      // when the tick was due
  std::optional<int64_t> snapshot_ns;  // when the first waiting snapshot was asked for
  bool first = false;                  // kept so that a snapshot has something to show; not sent

  [[nodiscard]] bool any() const noexcept { return tick_ns || snapshot_ns || first; }
};

// A tick that brought no still.
struct MissedTick {
  int64_t due_ns;
  Missed reason;
};

// One user's video. push, wanted, change and close may be called by any thread, also at once. In a forked child nothing
// is wanted or pushed, and nothing waits: Note [A fork in the host].
class Feed : public std::enable_shared_from_this<Feed> {
 public:
  Feed(std::shared_ptr<Intake> intake, uint64_t id, const FeedSettings& settings, int64_t opened_ns);
  ~Feed();
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  // Note [The demand gate]
  // A host calls push for every frame and only one in dozens is looked at. The gate is the one word that says so: a
  // single relaxed load decides, and nothing else of the feed is touched. Whoever closes the gate from kWanted owns
  // the copying of that frame, so two threads that push at once do not copy twice.
  [[nodiscard]] bool wanted() const noexcept {
    return gate_.load(std::memory_order_relaxed) == Gate::kWanted && !in_child();
  }
  // How long until a frame is wanted for a tick, as things stand: 0 while one is, less if a tick is about to be fired,
  // none once the feed is closed.
  [[nodiscard]] std::optional<int64_t> due_in_ns() const noexcept;
  // True if the frame was copied. Never blocks, allocates or throws; `frame` was checked by check_frame.
  bool push(const FrameView& frame) noexcept;
  // Counts a push that was not looked at because the feed is closed.
  void pass() noexcept {
    if (closed()) intake_->counters.count(Refused::kClosed);
  }
  // Counts a push that was no frame at all.
  void refuse_non_frame() noexcept { intake_->counters.count(Refused::kNotAFrame); }

  // Whether this process got the feed by a fork, and so without the sampler that would serve it.
  [[nodiscard]] bool in_child() const noexcept { return intake_->fork_guard.in_child(); }

  // Asks for a still of the next frame, beside the ticks.
  void request_snapshot();
  // Takes that back; the gate is lowered if nothing else is due.
  void cancel_snapshot();
  // Frames that were copied and whose still is not queued yet.
  [[nodiscard]] int frames_in_work() const noexcept { return frames_in_work_.load(std::memory_order_acquire); }
  // The last still that was made, if any.
  [[nodiscard]] CapturedStillPtr last_still() const;

  // Takes effect with the next tick and the next still; a tick that waits for its frame goes on waiting. A new interval
  // gives new ticks: Note [Phase]. False when the feed is closed, or in a forked child.
  bool change(const FeedSettings& settings);
  [[nodiscard]] FeedSettings settings() const;
  // No further frame is taken. Frames that were copied still become stills.
  void close() noexcept;

  [[nodiscard]] uint64_t id() const noexcept { return id_; }
  // After the sampler has let go of a closed feed: no still of it will come any more.
  [[nodiscard]] bool retired() const noexcept { return retired_.load(std::memory_order_acquire); }

 private:
  friend class Backlog;
  friend class Outbox;
  friend class ReadyList;
  friend class Sampler;
  friend class Ticker;
  friend class Timers;
  friend class Worker;

  enum class Gate : uint8_t { kIdle, kWanted, kClosed };

  bool copy_in(const FrameView& frame) noexcept;
  [[nodiscard]] Slot* acquire_slot() noexcept;
  bool refuse(Refused reason) noexcept;
  void let_go(Slot* slot) noexcept;
  void raise_gate() noexcept;
  void lower_gate() noexcept;
  [[nodiscard]] bool closed() const noexcept { return gate_.load(std::memory_order_relaxed) == Gate::kClosed; }

  // Note [One worker at a time]
  // A feed is listed from the moment that somebody lists it, for a frame or for its closing, until a worker is done
  // with it; who finds it listed leaves it so. Only then is it unlisted, and whatever came meanwhile lists it anew. So
  // no two workers are ever in one feed, its stills come in order, and nothing is overlooked.
  void announce() noexcept;
  void unlist() noexcept;
  void end_service() noexcept;
  // Since when it has waited for a worker: Note [Oldest due first].
  [[nodiscard]] int64_t waits_since_ns() const noexcept;

  // Returns the tick that is lost by this one: the one before, if its frame has not become a still; this one, if the
  // feed is over or a newer one was first.
  [[nodiscard]] std::optional<MissedTick> begin_tick(int64_t due_ns);
  // For the worker that serves it.
  [[nodiscard]] Due take_due();
  void keep(CapturedStillPtr still);
  void retire() noexcept;

  std::atomic<Gate> gate_{Gate::kWanted};  // the first frame is wanted
  const uint64_t id_;
  const int64_t opened_ns_;
  const std::shared_ptr<Intake> intake_;
  NewestFrame newest_;
  std::atomic<int> frames_in_work_{0};
  // Note [First pictures stand back]
  // The first frame of a feed is wanted for a snapshot that may come. Where a host opens a thousand feeds at once, so
  // many first pictures must not hold up ticks: they take a slot only while less than a quarter of them are in use, and
  // wait for a worker until the ticks of one interval from then on are served. (1,000 feeds at once on two cores: the
  // 99th percentile of lateness over the first 8 s is 34 ms, with a quarter of the slots left to ticks 175 ms.)
  std::atomic<bool> wanted_first_only_{true};
  std::atomic<bool> crowded_out_{false};  // a frame was refused for want of a slot since the last still

  std::atomic<bool> listed_{false};
  std::shared_ptr<Feed> self_;  // alive while in the ready list; belongs to whoever listed it, then to who took it
  Feed* next_ready_ = nullptr;  // the same
  HeapPlace backlog_place_;     // guarded by the backlog's mutex
  TimerState timer_;            // guarded by the timers' mutex

  std::atomic<bool> retired_{false};
  mutable std::mutex mutex_;  // guards what follows; never taken by push
  FeedSettings settings_;
  Due due_{.tick_ns = {}, .snapshot_ns = {}, .first = true};
  CapturedStillPtr last_;
};

}  // namespace stillcast
