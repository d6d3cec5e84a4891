#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "stillcast/clock.h"
#include "stillcast/counters.h"
#include "stillcast/fork_guard.h"
#include "stillcast/frame_ring.h"
#include "stillcast/still_maker.h"
#include "stillcast/still_queue.h"
#include "stillcast/wakeup.h"

namespace stillcast {

class Feed;

// Feeds that have something for the sampler. Lock-free: hosts push, the sampler takes all at once.
class ReadyList {
 public:
  void push(std::shared_ptr<Feed> feed) noexcept;
  // Takes all that are listed and calls use(std::shared_ptr<Feed>) with each, in the order in which they came. Needs no
  // memory.
  template <typename Use>
  void take_all(Use use);
  // Lets go of those that are listed.
  void drop_all() noexcept;

 private:
  // The oldest of those that were listed; each has the next one in next_ready_.
  [[nodiscard]] Feed* unlist_all() noexcept;
  [[nodiscard]] static std::shared_ptr<Feed> unlist(Feed& feed) noexcept;

  std::atomic<Feed*> head_{nullptr};
};

// What hosts' threads share with the sampler; it lives as long as the last of them.
struct Intake {
  Intake(std::shared_ptr<const Clock> clock_used, int slots, size_t slot_bytes)
      : clock(std::move(clock_used)), ring(slots, slot_bytes) {}

  const ForkGuard fork_guard;
  const std::shared_ptr<const Clock> clock;
  FrameRing ring;
  Wakeup wakeup;
  ReadyList ready;
  Counters counters;
  std::atomic<bool> growth_wanted{false};
  std::atomic<bool> stopped{false};
};

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

// One user's video. push, wanted and close may be called by any thread, also at once. In a forked child nothing is
// wanted or pushed, and nothing waits: Note [A fork in the host].
class Feed : public std::enable_shared_from_this<Feed> {
 public:
  Feed(std::shared_ptr<Intake> intake, uint64_t id, const FeedSettings& settings);
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
  // No further frame is taken. Frames that were copied still become stills.
  void close() noexcept;

  [[nodiscard]] uint64_t id() const noexcept { return id_; }
  [[nodiscard]] const FeedSettings& settings() const noexcept { return settings_; }
  // After the sampler has let go of a closed feed: no still of it will come any more.
  [[nodiscard]] bool retired() const noexcept { return retired_.load(std::memory_order_acquire); }

 private:
  friend class ReadyList;
  friend class Sampler;

  enum class Gate : uint8_t { kIdle, kWanted, kClosed };

  bool copy_in(const FrameView& frame) noexcept;
  void let_go(Slot* slot) noexcept;
  void raise_gate() noexcept;
  void lower_gate() noexcept;
  [[nodiscard]] bool closed() const noexcept { return gate_.load(std::memory_order_relaxed) == Gate::kClosed; }
  void announce() noexcept;

  // For the sampler's thread.
  // Returns the tick before, if its frame has not come.
  [[nodiscard]] std::optional<MissedTick> begin_tick(int64_t due_ns);
  [[nodiscard]] Due take_due();
  void keep(CapturedStillPtr still);
  void retire() noexcept;

  std::atomic<Gate> gate_{Gate::kWanted};  // the first frame is wanted
  const uint64_t id_;
  const FeedSettings settings_;
  const std::shared_ptr<Intake> intake_;
  NewestFrame newest_;
  std::atomic<int> frames_in_work_{0};

  std::atomic<bool> listed_{false};  // in the ready list
  std::shared_ptr<Feed> self_;       // alive while listed; belongs to whoever listed it, then to whoever took the list
  Feed* next_ready_ = nullptr;       // the same

  int64_t next_tick_ns_ = 0;  // guarded by the sampler's timers_mutex_

  std::atomic<bool> retired_{false};
  mutable std::mutex mutex_;  // guards due_ and last_; never taken by push
  Due due_{.tick_ns = {}, .snapshot_ns = {}, .first = true};
  CapturedStillPtr last_;
};

template <typename Use>
void ReadyList::take_all(Use use) {
  for (Feed* node = unlist_all(); node != nullptr;) {
    Feed* next = node->next_ready_;  // before unlist(): then the next announce() may write it
    use(unlist(*node));
    node = next;
  }
}

}  // namespace stillcast
